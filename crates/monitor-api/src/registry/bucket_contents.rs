//! Decides whether a bucket is one of definitions, before its settings are changed or something is written to it.

use std::time::Duration;

/// What is known of the bucket that `DEFINITIONS_BUCKET` names.
#[derive(Clone, Copy, Debug)]
pub(super) struct BucketContents {
    /// The age at which the server removes an entry; zero if it never does.
    pub(super) max_age: Duration,
    /// The number of definitions.
    pub(super) definitions: usize,
    /// The number of other keys.
    pub(super) others: usize,
}

impl BucketContents {
    /// Whether it has definitions and nothing else, so that its settings may be changed. An empty bucket may be one whose entries
    /// have expired.
    pub(super) fn are_definitions(self) -> bool {
        self.definitions > 0 && self.others == 0
    }

    /// Why the bucket is that of another program; None if definitions may be written to it. A wrong value among definitions
    /// prevents nothing.
    pub(super) fn foreign_problem(self, bucket: &str) -> Option<String> {
        let Self { max_age, definitions, others } = self;
        let has_only_others = definitions == 0 && others > 0;
        if self.are_definitions() || (max_age.is_zero() && !has_only_others) {
            return None;
        }
        let expiry = if max_age.is_zero() {
            String::new()
        } else {
            format!("whose entries expire after {} s, and ", max_age.as_secs_f64())
        };
        let reason = format!("{expiry}which has {definitions} definitions and {others} other keys");
        Some(format!(
            "DEFINITIONS_BUCKET names the bucket {bucket}, {reason}. It may be that of another program, so it is not changed. Set \
             DEFINITIONS_BUCKET to a bucket of definitions only and without max_age, or to the name of none, which is then created"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::BucketContents;

    fn contents(max_age: u64, definitions: usize, others: usize) -> BucketContents {
        BucketContents { max_age: Duration::from_secs(max_age), definitions, others }
    }

    #[test]
    fn a_bucket_is_foreign_unless_it_can_be_one_of_definitions() {
        for (max_age, definitions, others, is_foreign) in [
            (0, 0, 0, false),
            (0, 1, 0, false),
            (0, 1, 1, false),
            (0, 0, 1, true),
            (60, 1, 0, false),
            (60, 0, 0, true),
            (60, 1, 1, true),
            (60, 0, 1, true),
        ] {
            let contents = contents(max_age, definitions, others);
            assert_eq!(contents.foreign_problem("sessions").is_some(), is_foreign, "{contents:?}");
        }
    }

    #[test]
    fn only_the_settings_of_a_bucket_of_definitions_are_changed() {
        assert!(contents(60, 1, 0).are_definitions() && contents(0, 1, 0).are_definitions());
        assert!(
            ![contents(60, 0, 0), contents(0, 0, 0), contents(0, 1, 1)]
                .iter()
                .any(|one| one.are_definitions())
        );
    }
}
