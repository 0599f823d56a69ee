//! Who may do what. All routes use this one rule, so that no route grants what another one denies.

use super::target_name::TargetKind;

/// The sender of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Caller {
    /// The name, from the credential.
    pub name: String,
    /// The role; None if no credential is configured, so that access is open.
    pub role: Option<Role>,
}

/// The role of a caller with a credential.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Starts and cancels runs of CronJobs, and reads.
    Operator,
    /// May do everything.
    Admin,
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
    /// The caller is known and is not an administrator.
    #[error("the caller is not an administrator")]
    NotAdmin,
}

/// Whether the caller may do that with a target of that kind. Tasks require an administrator's credential, even if
/// access is open otherwise.
///
/// # Errors
/// When the caller may not.
pub fn authorize(caller: &Caller, action: Action, kind: TargetKind) -> Result<(), Denied> {
    match (kind, action) {
        (TargetKind::CronJob, _) | (TargetKind::Task, Action::View) => Ok(()),
        (TargetKind::Task, Action::Start | Action::Cancel | Action::ReadResult) => match caller.role {
            Some(Role::Admin) => Ok(()),
            Some(Role::Operator) => Err(Denied::NotAdmin),
            None => Err(Denied::NoCredential),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_administrator_starts_and_cancels_tasks_and_reads_their_results() {
        let (cronjob, task) = (TargetKind::CronJob, TargetKind::Task);
        let changes = [Action::Start, Action::Cancel, Action::ReadResult];
        for (role, denied) in [
            (Some(Role::Admin), None),
            (Some(Role::Operator), Some(Denied::NotAdmin)),
            (None, Some(Denied::NoCredential)),
        ] {
            let caller = Caller { name: "caller".to_owned(), role };
            for action in changes {
                assert_eq!(authorize(&caller, action, cronjob), Ok(()), "{role:?} {action:?}");
                assert_eq!(authorize(&caller, action, task).err(), denied, "{role:?} {action:?}");
            }
            assert_eq!(authorize(&caller, Action::View, task), Ok(()));
        }
    }
}
