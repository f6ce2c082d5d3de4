//! Which columns hold secrets, and under which names they are sealed.
//!
//! Invariants: a secret is sealed for its table, column and row, so it opens nowhere else.

use std::collections::BTreeMap;

use crate::domain::ids::{TargetId, TsigKeyId};
use crate::store::driver::Tx;
use crate::store::error::StoreError;
use crate::store::value::{args, json};
use crate::store::vault::Vault;

/// Options of a pool's target.
type Options = BTreeMap<String, String>;

/// True if the option of a driver is a password or the like.
fn is_secret(option: &str) -> bool {
    ["password", "secret", "token", "api_key"].iter().any(|end| option.ends_with(end))
}

fn option_place(target: TargetId, option: &str) -> String {
    format!("pool_targets.options.{option}.{target}")
}

/// Where the secret of a TSIG key is.
pub(super) fn tsig_place(key: TsigKeyId) -> String {
    format!("tsig_keys.secret.{key}")
}

/// A target's options as they are kept.
pub(super) fn sealed(vault: &Vault, target: TargetId, options: &Options) -> Result<Options, StoreError> {
    let keep = |(option, text): (&String, &String)| {
        let kept = match is_secret(option) {
            true => vault.seal(&option_place(target, option), text)?,
            false => text.clone(),
        };
        Ok((option.clone(), kept))
    };
    options.iter().map(keep).collect()
}

/// A target's options of what is kept.
pub(super) fn opened(vault: &Vault, target: TargetId, kept: Options) -> Result<Options, StoreError> {
    let open = |(option, text): (String, String)| {
        let text = if is_secret(&option) { vault.open(&option_place(target, &option), &text)? } else { text };
        Ok((option, text))
    };
    kept.into_iter().map(open).collect()
}

/// Seals what is plain or sealed with an older key; answers how many secrets. Does nothing without a key.
///
/// # Errors
/// If the database fails, or a secret does not open.
pub async fn seal_all(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    let vault = tx.vault().clone();
    let mut done = 0;
    for mut row in tx.rows("SELECT id, secret FROM tsig_keys ORDER BY id", args![]).await? {
        let (id, kept): (TsigKeyId, String) = (row.id("id")?, row.text("secret")?);
        if vault.is_outdated(&kept) {
            let place = tsig_place(id);
            let kept = vault.seal(&place, &vault.open(&place, &kept)?)?;
            done += tx.run("UPDATE tsig_keys SET secret = $1 WHERE id = $2", args![kept, id]).await?;
        }
    }
    for mut row in tx.rows("SELECT id, options FROM pool_targets ORDER BY id", args![]).await? {
        let (id, kept): (TargetId, Options) = (row.id("id")?, row.json("options")?);
        let outdated = |(option, text): &(&String, &String)| is_secret(option) && vault.is_outdated(text);
        let secrets = kept.iter().filter(outdated).count();
        if secrets > 0 {
            let options = sealed(&vault, id, &opened(&vault, id, kept)?)?;
            let sql = "UPDATE pool_targets SET options = $1 WHERE id = $2";
            tx.run(sql, args![json(&options)?, id]).await?;
            done += u64::try_from(secrets).unwrap_or(u64::MAX);
        }
    }
    Ok(done)
}
