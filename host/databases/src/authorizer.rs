//! What SQLite's statements may do. It is asked while they are compiled, of all that they do, also by views and triggers.

use rusqlite::hooks::{AuthAction, AuthContext};

/// Pragmas that say what is in a database. Others change how SQLite works, or say where its files are.
const PRAGMAS: [&str; 8] = [
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
    // Full-text indexes ask for it when they are read.
    "data_version",
];

/// Functions that reach out of the database. Most of them aren't compiled in.
const FUNCTIONS: [&str; 8] = [
    "edit",
    "eval",
    "fts3_tokenizer",
    "load_extension",
    "readfile",
    "sqlite_log",
    "writefile",
    "zipfile",
];

/// Why a statement may not do this; `None`: it may.
pub(crate) fn refuses(context: &AuthContext<'_>, write: bool) -> Option<String> {
    use AuthAction as A;
    let writes = |what: &str| (!write).then(|| format!("{what}: it may only read"));
    match context.action {
        A::Select | A::Read { .. } | A::Recursive => None,
        A::Function {
            function_name: name,
        } => FUNCTIONS
            .iter()
            .any(|no| no.eq_ignore_ascii_case(name))
            .then(|| format!("the function {name} isn't for tools")),
        A::Pragma {
            pragma_name: name, ..
        } => (!PRAGMAS.iter().any(|yes| yes.eq_ignore_ascii_case(name))).then(|| {
            format!(
                "pragma {name} isn't for tools; those that are: {}",
                PRAGMAS.join(", ")
            )
        }),
        A::Insert { table_name: table } => writes(&format!("insert into {table}")),
        A::Update {
            table_name: table, ..
        } => writes(&format!("update {table}")),
        A::Delete { table_name: table } => writes(&format!("delete from {table}")),
        A::CreateTable { .. }
        | A::CreateIndex { .. }
        | A::CreateView { .. }
        | A::CreateTrigger { .. }
        | A::DropTable { .. }
        | A::DropIndex { .. }
        | A::DropView { .. }
        | A::DropTrigger { .. }
        | A::AlterTable { .. }
        | A::Reindex { .. }
        | A::Analyze { .. } => writes("it changes tables"),
        // `vacuum` attaches too.
        A::Attach { .. } | A::Detach { .. } => {
            Some("no other database or file may be opened".into())
        }
        A::Transaction { .. } | A::Savepoint { .. } => {
            Some("each statement is a transaction of its own".into())
        }
        A::CreateVtable {
            module_name: module,
            ..
        }
        | A::DropVtable {
            module_name: module,
            ..
        } => Some(format!(
            "tables of the module {module} aren't for tools to make or drop"
        )),
        // Of a statement nothing is left for the next.
        _ => Some("it is of no use, or not for tools".into()),
    }
}
