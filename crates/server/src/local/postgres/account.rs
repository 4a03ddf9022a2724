//! As whom Postgres runs when this is root.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::ClusterError;

/// Tried in this order.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A user of the system, without rights of its own.
#[derive(Debug)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
}

impl Account {
    /// `None` for an ordinary user, who runs Postgres as themselves.
    pub(super) fn needed(folder: &Path) -> Result<Option<Self>, ClusterError> {
        // Whoever runs this made the lock's folder, or owns it: root's own process table entry says it best.
        let root =
            std::fs::metadata("/proc/self").map_or_else(|_| owner_of_new_file(folder) == Some(0), |own| own.uid() == 0);
        if !root {
            return Ok(None);
        }
        let null = std::fs::metadata("/dev/null").map_err(super::file(Path::new("/dev/null")))?;
        if !null.file_type().is_char_device() || null.permissions().mode() & 0o002 == 0 {
            return Err(ClusterError::NullDevice);
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let account = NAMES
            .iter()
            .find_map(|name| Self::listed(&users, name))
            .ok_or(ClusterError::NoAccount)?;
        account.check_way(folder)?;
        Ok(Some(account))
    }

    /// `name:x:uid:gid:…`
    fn listed(users: &str, name: &str) -> Option<Self> {
        let mut fields = users
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut line| (line.next() == Some(name)).then_some(line))?;
        Some(Self {
            name: name.to_owned(),
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    }

    /// The folder itself is handed over, but each one above it has to let the account through.
    fn check_way(&self, folder: &Path) -> Result<(), ClusterError> {
        for above in folder.ancestors().skip(1) {
            let metadata = std::fs::metadata(above).map_err(super::file(above))?;
            let mode = metadata.permissions().mode();
            let open = mode & 0o001 != 0
                || (metadata.uid() == self.uid && mode & 0o100 != 0)
                || (metadata.gid() == self.gid && mode & 0o010 != 0);
            if !open {
                return Err(ClusterError::FolderClosed {
                    folder: folder.to_owned(),
                    closed: above.to_owned(),
                    account: self.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// Makes a program run as this account.
    pub(super) fn dress(&self, command: &mut Command) {
        command
            .uid(self.uid)
            .gid(self.gid)
            .env("HOME", "/")
            .env("USER", &self.name);
    }

    /// Hands a folder over.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
    }
}

/// For systems without `/proc`.
fn owner_of_new_file(folder: &Path) -> Option<u32> {
    let file = tempfile::NamedTempFile::new_in(folder).ok()?;
    file.as_file().metadata().ok().map(|metadata| metadata.uid())
}
