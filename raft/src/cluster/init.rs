//! How a cluster comes to be.
//!
//! **Invariants**: a cluster is made only of nodes that all answered, and that all gave themselves to it durably before its
//! first entry is written. A node gives itself to one cluster only, so two attempts at once cannot both succeed, and
//! neither can two clusters share a node.
use std::collections::BTreeMap;

use super::{
    node::Node,
    operate::failed,
    operation::OperateError,
    peer::{Refusal, Request, Response},
    types::{ClusterId, NodeId, Peer},
};
use crate::chance;

impl Node {
    /// Makes a cluster of this node and the others.
    pub(super) async fn init(&self, peers: Vec<Peer>) -> Result<ClusterId, OperateError> {
        let cluster = ClusterId(chance::uuid());
        let mut others = BTreeMap::new();
        for peer in peers {
            let id = self.identify(&peer).await?;
            if id != self.id {
                others.insert(id, peer);
            }
        }
        self.give_to(cluster).await?;
        let mut claimed = Vec::new();
        for (&id, peer) in &others {
            match self.voice.ask(Some(id), peer, Request::Claim(cluster), self.timing.limit).await {
                Ok(Response::Done) => claimed.push((id, peer)),
                answer => {
                    let reason = answer.err().map_or_else(String::new, |error| error.to_string());
                    self.give_up(cluster, &claimed).await;
                    return Err(OperateError::Silent { peer: peer.clone(), reason });
                }
            }
        }
        // One, three or five vote; whoever is left over learns.
        let voters = [5, 3, 1].into_iter().find(|&voters| voters <= others.len() + 1).unwrap_or(1);
        let mut all = others.into_iter();
        let mut first: BTreeMap<NodeId, Peer> = all.by_ref().take(voters - 1).collect();
        first.insert(self.id, self.me.clone());
        self.raft.initialize(first).await.map_err(failed)?;
        let learners: BTreeMap<NodeId, Peer> = all.collect();
        if !learners.is_empty() {
            self.led(self.timing.limit).await?;
            self.change(openraft::ChangeMembers::AddNodes(learners)).await?;
        }
        Ok(cluster)
    }

    /// Waits until this node leads.
    async fn led(&self, limit: std::time::Duration) -> Result<(), OperateError> {
        let mut metrics = self.raft.server_metrics();
        let led = metrics.wait_for(|metrics| metrics.current_leader == Some(self.id));
        match tokio::time::timeout(limit, led).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(failed("this node was not elected")),
        }
    }

    async fn give_to(&self, cluster: ClusterId) -> Result<(), OperateError> {
        let _one_at_a_time = self.claiming.lock().await;
        match self.log.summary().cluster {
            Some(cluster) => Err(OperateError::Taken { peer: self.me.clone(), cluster }),
            None => self.log.set_cluster(Some(cluster)).await.map_err(failed),
        }
    }

    async fn give_up(&self, cluster: ClusterId, claimed: &[(NodeId, &Peer)]) {
        for (id, peer) in claimed {
            let answer = self.voice.ask(Some(*id), peer, Request::Unclaim(cluster), self.timing.limit).await;
            if let Err(error) = answer {
                tracing::warn!(%peer, %error, "a node stays claimed for a cluster that was not made");
            }
        }
        if let Response::Refused(refusal) = self.unclaim(cluster).await {
            tracing::warn!(%refusal, "this node stays claimed for a cluster that was not made");
        }
    }

    /// Gives this node to a cluster, unless it is another's.
    pub(super) async fn claim(&self, cluster: ClusterId) -> Response {
        let _one_at_a_time = self.claiming.lock().await;
        match self.log.summary().cluster {
            Some(own) if own == cluster => Response::Done,
            Some(own) => Response::Refused(Refusal::OtherCluster { cluster: Some(own) }),
            None => self.set_cluster(Some(cluster)).await,
        }
    }

    /// Takes a claim back, unless something has come of it.
    pub(super) async fn unclaim(&self, cluster: ClusterId) -> Response {
        let _one_at_a_time = self.claiming.lock().await;
        let summary = self.log.summary();
        let pristine = summary.last.is_none() && summary.vote.is_none_or(|vote| vote == Default::default());
        match summary.cluster {
            Some(own) if own == cluster && pristine => self.set_cluster(None).await,
            Some(own) if own == cluster => {
                Response::Refused(Refusal::Unavailable { reason: "the cluster exists".to_owned() })
            }
            _ => Response::Done,
        }
    }

    async fn set_cluster(&self, cluster: Option<ClusterId>) -> Response {
        match self.log.set_cluster(cluster).await {
            Ok(()) => Response::Done,
            Err(error) => Response::Refused(Refusal::Unavailable { reason: error.to_string() }),
        }
    }
}
