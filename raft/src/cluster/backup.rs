//! A backup: what a cluster had decided, in one file.
//!
//! **Invariant**: one that does not check is refused.
use serde::{Deserialize, Serialize};

use super::{
    journal::{decode, read_frame, write_frame},
    operation::OperateError,
    types::{ClusterId, SCHEMA},
};
use crate::machine::{self, State};

#[derive(Debug, Serialize, Deserialize)]
struct Backup {
    cluster: Option<ClusterId>,
    snapshot: machine::Snapshot,
}

pub(super) fn write(cluster: Option<ClusterId>, state: State) -> Result<Vec<u8>, String> {
    write_frame(SCHEMA, 0, &Backup { cluster, snapshot: state.into() })
}

pub(super) fn read(bytes: &[u8]) -> Result<State, OperateError> {
    let bad = |reason: &str| OperateError::BadBackup { reason: reason.to_owned() };
    let frame = read_frame(bytes).map_err(bad)?.filter(|frame| frame.length() == bytes.len());
    let frame = frame.ok_or_else(|| bad("its length does not fit"))?;
    if frame.schema != SCHEMA {
        return Err(bad("it was written by another version"));
    }
    let backup: Backup = decode(frame.record).map_err(|reason| bad(&reason))?;
    if backup.snapshot.schema == machine::SCHEMA {
        Ok(backup.snapshot.state)
    } else {
        Err(bad("its state was written by another version"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, Token};

    #[test]
    fn a_damaged_backup_is_refused() {
        let state = State::after(Token::new(3, Index(77)));
        let good = write(None, state.clone()).unwrap();
        assert_eq!(read(&good).unwrap(), state);
        for at in 0..good.len() {
            assert!(read(&good[..at]).is_err(), "cut at {at}");
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            assert!(read(&flipped).is_err(), "flipped at {at}");
        }
    }
}
