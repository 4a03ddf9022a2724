//! Everything that people do, once more through PgBouncer in transaction mode: no statement may rely on the connection of the one before.

use std::process::Command;

use crate::harness::PGBOUNCER_VARIABLE;

const SUITES: &[&str] = &[
    "access::",
    "cancellations::",
    "earnings::",
    "generations::",
    "hints::",
    "notifications::",
    "processes::",
    "purchases::",
    "sessions::",
    "social::",
    "styles::",
    "sync::",
    "tokens::",
    "transactions::",
    "users::",
];

#[test]
fn the_suites_pass_through_pgbouncer() {
    let mut suites = Command::new(std::env::current_exe().expect("this program"));
    suites.args(SUITES).env(PGBOUNCER_VARIABLE, "1");
    let ran = suites.output().expect("it starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    let passed = said
        .lines()
        .find_map(|line| line.strip_prefix("test result: ok. ")?.split_once(" passed"));
    let passed: u32 = passed.expect("a result").0.parse().expect("a number");
    assert!(passed > 80, "{passed} tests are not all");
}
