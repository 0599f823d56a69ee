//! The tasks that a target may name.
//!
//! A task is one file or one folder here, which implements [`crate::domain::task::Task`], and one line in
//! [`crate::app`], which makes it. Nothing else knows which tasks there are.

pub mod portfolio_analysis;
