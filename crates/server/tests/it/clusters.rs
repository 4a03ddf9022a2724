//! The private database: made, ended in every way, taken over, shared.

use std::process::Command;

use atelier_server::local::postgres::{Cluster, ClusterError, Stop};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::harness::Program;

const SETTINGS: &[&str] = &["fsync=off"];

async fn one(cluster: &Cluster) -> i32 {
    let mut connection = PgConnection::connect(&cluster.url("postgres"))
        .await
        .expect("it answers");
    sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await
        .expect("it answers")
}

#[tokio::test]
async fn a_cluster_survives_its_end_and_a_power_cut() {
    let folder = TempDir::new().expect("a folder");
    {
        let cluster = Cluster::open(folder.path(), SETTINGS).expect("made");
        cluster.make_database("atelier").expect("made");
        cluster.make_database("atelier").expect("made once");
        cluster.stop(Stop::Immediate).expect("ends");
        assert!(!cluster.runs());
        cluster.start().expect("recovers");
        assert_eq!(one(&cluster).await, 1);
    }
    let cluster = Cluster::open(folder.path(), SETTINGS).expect("starts again");
    PgConnection::connect(&cluster.url("atelier"))
        .await
        .expect("the database is still there");
}

#[tokio::test]
async fn the_second_to_come_is_a_guest_who_does_not_end_it() {
    let folder = TempDir::new().expect("a folder");
    let owner = Cluster::open(folder.path(), SETTINGS).expect("made");
    drop(Cluster::open(folder.path(), SETTINGS).expect("a guest"));
    assert_eq!(one(&owner).await, 1);
    owner.stop(Stop::Fast).expect("ends");
    let refused = Cluster::open(folder.path(), SETTINGS).expect_err("nobody to be the guest of");
    assert!(matches!(refused, ClusterError::Owned(_)), "{refused}");
}

#[test]
fn a_folder_too_deep_for_a_socket_gets_one_elsewhere() {
    let folder = TempDir::new().expect("a folder");
    let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
    open_to_all(folder.path());
    let cluster = Cluster::open(&deep, SETTINGS).expect("made");
    assert!(cluster.sockets().as_os_str().len() < 60);
    assert!(cluster.runs());
    let sockets = cluster.sockets().to_owned();
    drop(cluster);
    std::fs::remove_dir_all(sockets).expect("removed");
}

#[test]
fn a_made_up_version_is_said_to_be_another() {
    let folder = TempDir::new().expect("a folder");
    drop(Cluster::open(folder.path(), SETTINGS).expect("made"));
    std::fs::write(folder.path().join("data/PG_VERSION"), "9\n").expect("written");
    let refused = Cluster::open(folder.path(), SETTINGS).expect_err("another version");
    assert!(
        matches!(&refused, ClusterError::OtherVersion { made, .. } if made == "9"),
        "{refused}"
    );
}

/// Root hands the folder on to somebody who has to get there.
fn open_to_all(folder: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("mine");
}

#[test]
fn a_server_of_its_own_starts_stops_and_is_killed() {
    let folder = TempDir::new().expect("a folder");
    open_to_all(folder.path());
    let ready = |server: &Program| {
        let answer = Command::new("curl")
            .args(["-s", "-m", "10", &format!("{}/readyz", server.base)])
            .output()
            .expect("curl");
        String::from_utf8_lossy(&answer.stdout).into_owned()
    };
    let first = Program::start(folder.path(), None, &[]);
    assert_eq!(ready(&first), "ready\n");
    let pid = |folder: &TempDir| std::fs::read_to_string(folder.path().join("postgres/data/postmaster.pid")).ok();
    assert!(pid(&folder).is_some());
    assert!(first.stop().success());
    assert!(pid(&folder).is_none(), "the private database ends with its server");
    // A killed server leaves its database behind; the next one takes it over.
    Program::start(folder.path(), None, &[]).kill();
    let left = pid(&folder).expect("it still runs");
    let next = Program::start(folder.path(), None, &[]);
    assert_eq!(pid(&folder), Some(left));
    assert_eq!(ready(&next), "ready\n");
    assert!(next.stop().success());
}
