//! `whoami`.

use super::Context;
use crate::api::documents::Whoami;
use crate::api::{Api, parsed};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::table::Table;

/// The actions, in the order of the columns.
const ACTIONS: [&str; 4] = ["view", "start", "cancel", "read_result"];

/// Shows the caller, and what it may do.
///
/// # Errors
/// When there is no answer.
pub async fn show(context: &Context) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let document = api.get("/v1/whoami").await?;
    let caller: Whoami = parsed(&document)?;
    context.format.print(&document, || vec![caller.name.clone()], || described(&caller))?;
    Ok(Outcome::Done)
}

fn described(caller: &Whoami) -> String {
    let role = caller.role.as_deref().unwrap_or("none: no credential is configured, so access is open");
    let mut table = Table::new(&["TARGET", "VIEW", "START", "CANCEL", "READ RESULT"]);
    for rights in &caller.targets {
        let allowed = |action: &&str| match rights.actions.get(*action) {
            Some(permission) if permission.allowed => "yes",
            _ => "no",
        };
        let cells = [rights.target.as_str()].into_iter().chain(ACTIONS.iter().map(allowed));
        table.row(cells);
    }
    format!("{}, role {role}\n\n{table}", caller.name)
}
