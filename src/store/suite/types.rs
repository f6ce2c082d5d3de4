//! Values, arguments and the schema.

use uuid::Uuid;

use super::Bench;
use crate::store::value::args;
use crate::store::{Row, Store, StoreError, Value};

const INSERT: &str = "INSERT INTO tasks (id, kind, project_id, status, body, progress, fence, version, created_at) \
     VALUES ($2, 'IMPORT', $3, 'PENDING', $4, $1, 0, 1, $1)";

async fn stored(bench: &Bench, number: i64, text: Option<&str>) -> Row {
    let id = Uuid::new_v4();
    let args = args![number, id, text, text];
    assert_eq!(bench.write(|tx| tx.execute(INSERT.into(), args.clone())).await, 1);
    let select = "SELECT id, body, project_id, progress, created_at FROM tasks WHERE id = $1";
    let mut row = bench.read(|tx| Box::pin(tx.query(select.into(), args![id]))).await.remove(0);
    assert_eq!(row.id::<Uuid>("id").unwrap(), id);
    row
}

/// Numbers to both ends, every kind of text, ids, octets and NULL survive.
pub async fn values_come_back_as_they_went_in(bench: Bench) {
    for number in [0, -1, 1, i64::MIN, i64::MAX] {
        let mut row = stored(&bench, number, None).await;
        assert_eq!(row.int("progress").unwrap(), number);
        assert_eq!((row.text_opt("body").unwrap(), row.value("project_id").unwrap()), (None, Value::Null));
    }
    for text in ["", "it's \"quoted\" \\ and $1", "žluťoučký 🐎", "line\nline\ttab"] {
        assert_eq!(stored(&bench, 7, Some(text)).await.text("body").unwrap(), text);
    }
}

/// `$n` means the n-th argument wherever and however often it stands.
pub async fn arguments_go_by_number(bench: Bench) {
    let mut row = stored(&bench, 42, Some("both")).await;
    assert_eq!((row.text("body").unwrap(), row.text("project_id").unwrap()), ("both".into(), "both".into()));
    assert_eq!((row.int("progress").unwrap(), row.int("created_at").unwrap()), (42, 42));
}

/// A getter of another type, of a missing column, or of NULL fails, and names the column.
pub async fn wrong_types_are_told_not_guessed(bench: Bench) {
    let mut row = stored(&bench, 5, None).await;
    for error in [
        row.text("progress").unwrap_err(),
        row.text("body").unwrap_err(),
        row.bool("created_at").unwrap_err(),
        row.int("no_such_column").unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }
}

/// The schema has the newest version, and migrating it again leaves everything as it is.
pub async fn migrating_again_changes_nothing(bench: Bench) {
    assert_eq!(bench.store.schema_version().await.unwrap(), Some(Store::latest_version()));
    stored(&bench, 1, None).await;
    bench.store.migrate().await.unwrap();
    let rows = bench.read(|tx| Box::pin(tx.query("SELECT id FROM tasks".into(), Vec::new()))).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(bench.store.schema_version().await.unwrap(), Some(Store::latest_version()));
}
