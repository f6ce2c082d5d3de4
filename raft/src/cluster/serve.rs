//! What a node answers to others.
//!
//! **Invariants**: a caller of another cluster, or one that wants another node, is refused before anything else. Only a member of
//! the same cluster may append or vote.

use async_trait::async_trait;

use super::{
    network::is_unbroken,
    node::Node,
    peer::{Call, Refusal, Request, Response, Serve},
    types::{Batch, ClusterId, NodeId},
};
use crate::CoordError;

#[async_trait]
impl Serve for Node {
    fn admit(&self, cluster: Option<ClusterId>, to: Option<NodeId>) -> Result<(), Refusal> {
        let own = self.log.summary().cluster;
        if cluster.is_some() && own.is_some() && cluster != own {
            return Err(Refusal::OtherCluster { cluster: own });
        }
        if to.is_some_and(|to| to != self.id) {
            return Err(Refusal::OtherNode { node: self.id });
        }
        Ok(())
    }

    async fn serve(&self, call: Call) -> Response {
        if let Err(refusal) = self.admit(call.cluster, call.to) {
            return Response::Refused(refusal);
        }
        let own = self.log.summary().cluster;
        // A client knows no cluster but the one it is configured for; members must say theirs.
        let of_cluster = own.is_some() && (call.cluster.is_some() || !call.request.is_for_members());
        // The engine waits for a disk in trouble: what it were given now would only pile up.
        let trouble = self.log.trouble();
        let refusal = if of_cluster {
            trouble.map(|reason| Refusal::Unavailable { reason })
        } else {
            Some(Refusal::OtherCluster { cluster: own })
        };
        match (call.request, refusal) {
            (Request::Identify, _) => Response::Identity(self.identity()),
            (Request::Operate(operation), _) => Response::Operated(self.operate(operation).await),
            (Request::Claim(cluster), _) => self.claim(cluster).await,
            (Request::Unclaim(cluster), _) => self.unclaim(cluster).await,
            (_, Some(refusal)) => Response::Refused(refusal),
            (Request::Append(rpc), None) if !is_unbroken(&rpc) => {
                let reason = "entries are missing before those that were sent".to_owned();
                Response::Refused(Refusal::Unavailable { reason })
            }
            (Request::Append(rpc), None) => Response::Append(self.raft.append_entries(rpc).await),
            (Request::Vote(rpc), None) => Response::Vote(self.raft.vote(rpc).await),
            (Request::Snapshot(rpc), None) => Response::Snapshot(self.raft.install_snapshot(rpc).await),
            (Request::Submit(batch), None) => self.submitted(batch).await,
            (Request::ReadIndex, None) => {
                self.read_index().await.map_or_else(Response::Refused, Response::Index)
            }
            (Request::Campaign, None) => self.campaign(),
            (Request::Yield(vote), None) => self.yield_to(call.from, vote).await,
            (Request::Follow { after, wait }, None) => self.follow(after, wait).await,
            (Request::News { after, wait }, None) => self.tell(after, wait).await,
            (Request::Read { after }, None) => self.read(after).await,
            (Request::Inspect(lock), None) => {
                self.inspected(&lock).await.map_or_else(Response::Refused, Response::Lock)
            }
        }
    }

    fn closed(&self, peer: NodeId) {
        if self.leader().is_some_and(|(leader, _)| leader == peer)
            && let Some(node) = self.this.upgrade()
        {
            tokio::spawn(node.check_on_leader(peer));
        }
    }
}

impl Node {
    /// Decides for another node, if this one leads.
    async fn submitted(&self, batch: Batch) -> Response {
        match self.leader() {
            Some((leader, _)) if leader == self.id => {}
            leader => return Response::Refused(Refusal::NotLeader { leader }),
        }
        match self.submit_all(batch.entries().to_vec()).await {
            Ok(answer) => Response::Decided(answer),
            Err(CoordError::Unavailable { reason }) => Response::Refused(Refusal::Unavailable { reason }),
            Err(error) => Response::Unknown(error.to_string()),
        }
    }
}
