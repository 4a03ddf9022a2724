//! Programs that a test starts: each leads a group of its own, and the whole group ends with the value that stands for it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// A started program with everything that it started in turn.
#[derive(Debug)]
pub struct Group {
    leader: Child,
}

impl Group {
    /// Starts `command` as the leader of a new group.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        command.process_group(0).stdin(Stdio::null());
        let leader = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { leader }
    }

    /// The program itself.
    pub fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Processes of this group that run the executable `program`.
    pub fn running(&self, program: &Path) -> Vec<u32> {
        let members = answer_lines(Command::new("pgrep").args(["-g", &self.leader.id().to_string()]));
        let pids = members.iter().filter_map(|line| line.parse().ok());
        pids.filter(|&pid| executable(pid).as_deref() == Some(program))
            .collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        signal("KILL", &format!("-{}", self.leader.id()));
        let _gone_already = self.leader.wait();
    }
}

/// What a process runs, while it does.
fn executable(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Memory of a process and all that it started, but for those whose command line names `but`: proportional set size, in which what several
/// share is counted once.
///
/// # Panics
/// When Linux does not tell it.
pub fn memory_bytes(pid: u32, but: &str) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .unwrap_or("0 kB");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    let unwanted = children(pid, but);
    let wanted = children(pid, ".").into_iter().filter(|child| !unwanted.contains(child));
    kilobytes * 1024 + wanted.map(|child| memory_bytes(child, but)).sum::<u64>()
}

/// When a process was started, in milliseconds of the epoch, to a hundredth of a second.
///
/// # Panics
/// When it is gone.
pub fn started_at_ms(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    // In hundredths of a second since the machine started.
    let started = stat_field(&stat, 22).expect("ticks") as f64;
    let uptime = std::fs::read_to_string("/proc/uptime").expect("Linux tells it");
    let up: f64 = uptime
        .split_whitespace()
        .next()
        .and_then(|up| up.parse().ok())
        .expect("seconds");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs_f64();
    (now - up + started / 100.0) * 1000.0
}

/// A number of a `stat` file, counted from 1 as in proc(5). The second field may hold anything, but ends with `)`.
fn stat_field(stat: &str, number: usize) -> Option<u64> {
    let (_, from_third) = stat.rsplit_once(')')?;
    from_third.split_whitespace().nth(number - 3)?.parse().ok()
}

/// Names of a process' threads that the kernel runs before every ordinary one.
pub fn real_time_threads(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let named = threads.filter_map(|thread| {
        let thread = thread.ok()?.path();
        let priority = stat_field(&std::fs::read_to_string(thread.join("stat")).ok()?, 40)?;
        let name = std::fs::read_to_string(thread.join("comm")).ok()?;
        (priority > 0).then(|| name.trim_end().to_owned())
    });
    named.collect()
}

/// Processes that `parent` started and whose command line names `program`.
pub fn children(parent: u32, program: &str) -> Vec<u32> {
    let found = answer_lines(Command::new("pgrep").args(["-P", &parent.to_string(), "-f", program]));
    found.iter().filter_map(|line| line.parse().ok()).collect()
}

/// Sends a signal to one process.
pub fn kill(pid: u32, name: &str) {
    signal(name, &pid.to_string());
}

/// Whether a process is there and not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    state
        .rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// `kill` is a program here because the call of that name is `unsafe`.
fn signal(name: &str, target: &str) {
    let mut kill = Command::new("kill");
    let sent = kill.args(["-s", name, "--", target]).stderr(Stdio::null()).status();
    sent.expect("kill runs");
}

fn answer_lines(command: &mut Command) -> Vec<String> {
    let answer = crate::answer(command);
    answer.out.lines().map(str::to_owned).collect()
}
