//! The keys whose values can't be read.

use std::collections::BTreeMap;

use super::connection::Bucket;

/// The maximum length of the stored reason why an entry can't be read, in characters.
const MAX_PROBLEM_LENGTH: usize = 200;

/// An entry that can't be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnreadableKey {
    /// The revision of the bucket that wrote it.
    pub revision: u64,
    /// What is wrong with it.
    pub problem: String,
}

/// The keys of both buckets whose values can't be read. A key can be in both of them.
#[derive(Debug, Default)]
pub struct UnreadableKeys {
    instances: BTreeMap<Box<str>, UnreadableKey>,
    definitions: BTreeMap<Box<str>, UnreadableKey>,
}

impl UnreadableKeys {
    /// Adds or replaces a key.
    pub fn put(&mut self, bucket: Bucket, key: &str, revision: u64, problem: &str) {
        let problem = problem.chars().take(MAX_PROBLEM_LENGTH).collect();
        self.of(bucket).insert(key.into(), UnreadableKey { revision, problem });
    }

    /// Removes a key, because it is gone or its value can be read.
    pub fn remove(&mut self, bucket: Bucket, key: &str) {
        self.of(bucket).remove(key);
    }

    /// The number of keys.
    pub fn count(&self) -> usize {
        self.instances.len() + self.definitions.len()
    }

    /// The number of keys of a bucket.
    pub fn count_of(&self, bucket: Bucket) -> usize {
        match bucket {
            Bucket::Instances => self.instances.len(),
            Bucket::Definitions => self.definitions.len(),
        }
    }

    /// The first keys: those of the bucket of instances, then those of the definitions.
    pub fn first(&self, limit: usize) -> Vec<(String, UnreadableKey)> {
        let all = self.instances.iter().chain(&self.definitions).take(limit);
        all.map(|(key, entry)| (key.to_string(), entry.clone())).collect()
    }

    fn of(&mut self, bucket: Bucket) -> &mut BTreeMap<Box<str>, UnreadableKey> {
        match bucket {
            Bucket::Instances => &mut self.instances,
            Bucket::Definitions => &mut self.definitions,
        }
    }
}
