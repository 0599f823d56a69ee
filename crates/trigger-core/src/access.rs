//! Who may do what. All routes use this one rule, so that no route grants what another one denies.

use std::fmt;

use super::target_name::TargetKind;

/// The sender of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Caller {
    /// The name, from the credential.
    pub name: String,
    /// The role; None if no credential is configured, so that access is open.
    pub role: Option<Role>,
    /// The person on whose behalf the caller sends the request.
    pub on_behalf_of: Option<String>,
}

impl Caller {
    /// Who requests the action: the person, or else the caller itself.
    pub fn requester(&self) -> &str {
        self.on_behalf_of.as_deref().unwrap_or(&self.name)
    }

    /// The caller's own name, if it acts on behalf of a person.
    pub fn via(&self) -> Option<&str> {
        self.on_behalf_of.as_ref().map(|_| self.name.as_str())
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.requester())?;
        match self.via() {
            Some(via) => write!(formatter, " via {via}"),
            None => Ok(()),
        }
    }
}

/// The role of a caller with a credential. A greater role includes every lesser one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Reads.
    Reader,
    /// Also starts and cancels runs of CronJobs.
    Operator,
    /// May do everything.
    Admin,
}

impl Role {
    /// The role in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// An action on a target or its runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Read the target, or its runs, logs and events.
    View,
    /// Start a run.
    Start,
    /// Cancel a run.
    Cancel,
    /// Read the result of a run.
    ReadResult,
}

/// Why a caller may not do something.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denied {
    /// It requires an administrator's credential, and access is open because no credential is configured.
    #[error("an administrator's credential is required, and none is configured")]
    NoCredential,
    /// The caller is known and is only a reader.
    #[error("the caller is only a reader")]
    NotOperator,
    /// The caller is known and is not an administrator.
    #[error("the caller is not an administrator")]
    NotAdmin,
}

/// Whether the caller may do that with a target of that kind. Open access is that of an operator: tasks require an
/// administrator's credential nevertheless.
///
/// # Errors
/// When the caller may not.
pub fn authorize(caller: &Caller, action: Action, kind: TargetKind) -> Result<(), Denied> {
    let needed = required_role(action, kind);
    match caller.role {
        Some(role) if role >= needed => Ok(()),
        Some(_) if needed == Role::Admin => Err(Denied::NotAdmin),
        Some(_) => Err(Denied::NotOperator),
        None if needed == Role::Admin => Err(Denied::NoCredential),
        None => Ok(()),
    }
}

fn required_role(action: Action, kind: TargetKind) -> Role {
    match (action, kind) {
        // A run of a CronJob has no result, which every caller may know.
        (Action::View, _) | (Action::ReadResult, TargetKind::CronJob) => Role::Reader,
        (Action::Start | Action::Cancel, TargetKind::CronJob) => Role::Operator,
        (Action::Start | Action::Cancel | Action::ReadResult, TargetKind::Task) => Role::Admin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_lesser_roles_may_and_tasks_are_for_administrators() {
        let (cronjob, task) = (TargetKind::CronJob, TargetKind::Task);
        for (role, change_cronjob, change_task) in [
            (Some(Role::Reader), Err(Denied::NotOperator), Err(Denied::NotAdmin)),
            (Some(Role::Operator), Ok(()), Err(Denied::NotAdmin)),
            (Some(Role::Admin), Ok(()), Ok(())),
            (None, Ok(()), Err(Denied::NoCredential)),
        ] {
            let caller = Caller { name: "caller".to_owned(), role, on_behalf_of: None };
            for action in [Action::Start, Action::Cancel] {
                assert_eq!(authorize(&caller, action, cronjob), change_cronjob, "{role:?} {action:?}");
                assert_eq!(authorize(&caller, action, task), change_task, "{role:?} {action:?}");
            }
            assert_eq!(authorize(&caller, Action::ReadResult, task), change_task, "{role:?}");
            for (action, kind) in
                [(Action::View, cronjob), (Action::View, task), (Action::ReadResult, cronjob)]
            {
                assert_eq!(authorize(&caller, action, kind), Ok(()), "{role:?} {action:?}");
            }
        }
    }

    #[test]
    fn the_person_requests_an_action_and_the_caller_is_named_beside_it() {
        let mut caller = Caller { name: "internal-token".to_owned(), ..Caller::default() };
        assert_eq!((caller.requester(), caller.via()), ("internal-token", None));
        assert_eq!(caller.to_string(), "internal-token");
        caller.on_behalf_of = Some("alice".to_owned());
        assert_eq!((caller.requester(), caller.via()), ("alice", Some("internal-token")));
        assert_eq!(caller.to_string(), "alice via internal-token");
    }
}
