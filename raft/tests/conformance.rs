//! The conformance suite on the coordinator of a single process, with and without a file.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use coordinator::{Solo, testing::Nodes};

mod ephemeral {
    use super::*;

    async fn solo() -> (Nodes, ()) {
        (Nodes::one(Solo::ephemeral()), ())
    }

    coordinator::conformance!(solo);
}

mod on_disk {
    use super::*;

    async fn solo() -> (Nodes, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Nodes::one(Solo::open(folder.path().join("counter")).await.unwrap()), folder)
    }

    coordinator::conformance!(solo);
}
