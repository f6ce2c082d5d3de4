//! The conformance suite on clusters of three nodes.
use coordinator::testing::{Machines, Nodes};

async fn three() -> (Nodes, Machines) {
    let machines = Machines::cluster(3).await;
    (machines.coordinators(), machines)
}

coordinator::conformance!(three);
