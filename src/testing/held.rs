//! A world whose changes wait: the worker is a fake, and the test says what became of each.
//!
//! Invariants: what the test says goes to the real central by the message that a worker would send.

use std::time::Duration;

use super::{Failure, World};
use crate::actors::central::api::status::ReportZone;
use crate::actors::worker::api::{PublishZone, RecoverShards, Recovered, RefreshZone, Worker};
use crate::domain::consensus::Answer;
use crate::domain::ids::{NameserverId, ZoneId};
use crate::domain::zone_status::Outcome;
use crate::store::StoreError;
use crate::store::repo::zones;
use crate::transport::{Cx, Fake, Faked, Fault, Transport};

/// How long a message that the test itself sends may take.
const CALL: Duration = Duration::from_secs(60);

/// A worker that takes what it is told and does nothing.
pub(super) async fn worker(transport: &dyn Transport) -> Result<Faked, Fault> {
    let recovers = |_: RecoverShards| Ok(Recovered { zones: 0 });
    let refreshes = |_: RefreshZone| Ok(());
    Fake::<Worker>::on(|_: PublishZone| Ok(())).and(recovers).and(refreshes).mount(transport).await
}

impl World {
    /// The worker of a world that is held ([`Spec::held`](super::Spec::held)): it takes nudges, counts them, and does nothing.
    ///
    /// # Errors
    /// If the world has a worker of flesh and blood, or none.
    pub fn held_worker(&self) -> Result<&Faked, Failure> {
        self.worker.as_ref().ok_or_else(|| "only a world that is held has a worker that does nothing".into())
    }

    /// Says, as a worker would, what became of a zone's newest change, and what each name server said last.
    ///
    /// # Errors
    /// If there is no such zone, or central does not take the report.
    pub async fn report(
        &self,
        zone: &str,
        outcome: Outcome,
        answers: Vec<(NameserverId, Answer)>,
    ) -> Result<(), Failure> {
        let zone_id: ZoneId = zone.parse()?;
        let read = self.store().read(|tx| Box::pin(async move { zones::get_any(tx, zone_id).await }));
        let found = read.await.map_err(|error: StoreError| error)?;
        let generation = found.ok_or("there is no such zone")?.progress.generation;
        let report = ReportZone { zone_id, generation, outcome, answers };
        Ok(self.service().call(&Cx::system(CALL), report).await?)
    }
}
