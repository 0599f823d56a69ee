//! The state machine of one run of the program, from the first request to the outcome line.
//!
//! The program asks [`Session::next`] for a step, executes it, and reports the result of a transfer to
//! [`Session::record_transfer`]. Redirects, retries and polling are decided here, without I/O.

mod poll;
pub mod step;
#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString},
};
use core::time::Duration;

use self::step::{Limits, RequestKind, Step, TransferResult};
use crate::{
    exit::{ExitCode, Failure},
    options::FailMode,
    plan::{self, Flavor, Plan},
    redirect,
    report::{self, Outcome},
    request::Request,
    response::Head,
    retry::{Attempt, RetrySchedule},
    text::{after_last, lossy},
    url::Url,
    wait::{self, PollInterval, RunState},
};

enum SessionState {
    /// Send the call, or the request that a redirect leads to.
    Calling { request: Request, redirects: u32, limits: Limits },
    /// Request the state of the run.
    Polling { url: Url },
    /// Wait, then continue.
    Pausing { until: Duration, note: Option<String>, then: AfterPause },
    /// Finished.
    Done(Outcome),
}

enum AfterPause {
    Call,
    Poll(Url),
}

/// The state machine of one run of the program.
pub struct Session<'a> {
    plan: &'a Plan,
    flavor: Flavor,
    state: SessionState,
    retries: RetrySchedule,
    poll_interval: PollInterval,
    started: Duration,
    run: String,
    redirects: u32,
}

impl<'a> Session<'a> {
    /// Starts at `now`.
    pub fn new(plan: &'a Plan, flavor: Flavor, now: Duration) -> Self {
        let retries = RetrySchedule::new(plan.retry, now);
        let state = first_call(plan, now);
        Self {
            plan,
            flavor,
            state,
            retries,
            poll_interval: PollInterval::default(),
            started: now,
            run: String::new(),
            redirects: 0,
        }
    }

    /// The number of retries so far.
    pub fn retries(&self) -> u32 {
        self.retries.count()
    }

    /// The number of redirects followed in the last attempt.
    pub fn redirects(&self) -> u32 {
        self.redirects
    }

    /// Whether to print the body after this head: it is not redirected, and `-f` does not suppress it.
    pub fn prints_body(&self, head: &Head) -> bool {
        let suppressed = self.plan.fail == FailMode::WithoutBody && head.status >= 400;
        !suppressed && !self.follows_redirect(head)
    }

    /// The next step.
    pub fn next(&mut self, now: Duration) -> Step {
        match &mut self.state {
            SessionState::Calling { request, limits, .. } => {
                Step::Send(request.clone(), *limits, RequestKind::Call)
            }
            SessionState::Polling { url } => {
                let wait_deadline = self.started + self.plan.wait.unwrap_or_default();
                let timeout = self.plan.max_time.unwrap_or(wait::POLL_TIMEOUT).min(wait::POLL_TIMEOUT);
                let done_by = (now + timeout).min(wait_deadline.max(now + Duration::from_millis(1)));
                let connect_by = done_by.min(now + self.plan.connect_timeout);
                let request = poll::request(&self.plan.request, url);
                Step::Send(request, Limits { connect_by, done_by: Some(done_by) }, RequestKind::Poll)
            }
            SessionState::Pausing { until, note, then } if now >= *until && note.is_none() => {
                self.state = match then {
                    AfterPause::Call => first_call(self.plan, now),
                    AfterPause::Poll(url) => SessionState::Polling { url: url.clone() },
                };
                self.next(now)
            }
            SessionState::Pausing { until, note, .. } => Step::Pause(*until, note.take()),
            SessionState::Done(outcome) => Step::Finish(outcome.clone()),
        }
    }

    /// Records the result of the last request. `clock` is the time of day in seconds since 1970.
    pub fn record_transfer(&mut self, transfer: &TransferResult, now: Duration, clock: u64) {
        match &self.state {
            SessionState::Calling { request, redirects, limits } => {
                let redirected = match &transfer.head {
                    Some(head) if transfer.failure.is_none() && self.follows_redirect(head) => {
                        redirect::follow(request, head, self.plan.redirect_rules)
                    }
                    _ => None,
                };
                self.state = match redirected {
                    Some(next) => self.after_redirect(next, *redirects, *limits),
                    None => self.after_call(&request.url.clone(), transfer, now, clock),
                };
            }
            SessionState::Polling { url } => self.state = self.after_poll(&url.clone(), transfer, now, clock),
            SessionState::Pausing { .. } | SessionState::Done(_) => {}
        }
    }

    fn follows_redirect(&self, head: &Head) -> bool {
        let is_redirect = matches!(head.status, 301 | 302 | 303 | 307 | 308);
        self.plan.max_redirects.is_some() && is_redirect && head.header("location").is_some()
    }

    fn after_redirect(
        &mut self,
        next: Result<Request, Failure>,
        followed: u32,
        limits: Limits,
    ) -> SessionState {
        let max = self.plan.max_redirects.unwrap_or_default();
        let next = next.and_then(|next| plan::check_flavor(&next.url, self.flavor).map(|()| next));
        match next {
            Ok(_) if followed >= max => self.failed(&redirect::too_many_redirects(max)),
            Ok(request) => {
                self.redirects = followed + 1;
                SessionState::Calling { request, redirects: followed + 1, limits }
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// Handles the final result of the call: retries, finishes, or starts to wait for the run.
    fn after_call(
        &mut self,
        url: &Url,
        transfer: &TransferResult,
        now: Duration,
        clock: u64,
    ) -> SessionState {
        let failure = self.failure_of(transfer);
        let status = transfer.head.as_ref().map(|head| head.status);
        let attempt = Attempt {
            code: failure.as_ref().map_or(ExitCode::Ok, |failure| failure.code),
            status,
            refused: failure.as_ref().is_some_and(|failure| failure.refused),
            retry_after: poll::retry_after(transfer, clock),
        };
        if let Some(retry) = self.retries.next(&attempt, now) {
            let pause = report::seconds(retry.pause);
            let note = format!(
                "Problem: {}. Will retry in {pause}, retries left: {}.",
                retry.reason,
                u64::from(retry.left)
            );
            self.redirects = 0;
            return SessionState::Pausing {
                until: now + retry.pause,
                note: Some(note),
                then: AfterPause::Call,
            };
        }
        if let Some(failure) = failure {
            return self.failed(&failure);
        }
        match &transfer.head {
            Some(head) if (200..300).contains(&head.status) => {
                self.after_success(url, head, transfer, now, clock)
            }
            Some(head) => {
                let body = lossy(&transfer.body);
                let waits = self.plan.wait.is_some();
                if self.plan.from_environment || waits {
                    return self.failed(&report::http_failure(head, &body));
                }
                SessionState::Done(report::not_triggered(&self.plan.name, head, &body))
            }
            None => {
                self.failed(&Failure::new(ExitCode::EmptyReply, format_args!("the server sent no response")))
            }
        }
    }

    /// Handles a 2xx response to the call.
    fn after_success(
        &mut self,
        url: &Url,
        head: &Head,
        transfer: &TransferResult,
        now: Duration,
        clock: u64,
    ) -> SessionState {
        let body = lossy(&transfer.body);
        let run = wait::run_id(&body);
        let Some(limit) = self.plan.wait else {
            return SessionState::Done(report::triggered(&self.plan.name, head, run.as_deref()));
        };
        // The response may already have the final state of the run.
        if let Ok(state @ (RunState::Succeeded(_) | RunState::Failed { .. })) = wait::run_state(&body) {
            self.run = run.unwrap_or_else(|| "the run".to_string());
            return self.after_run(state, now);
        }
        let status = wait::status_url(url, head, &body)
            .and_then(|url| plan::check_flavor(&url, self.flavor).map(|()| url));
        match status {
            Err(failure) => self.failed(&failure),
            Ok(status) => {
                let last = after_last(status.path(), b'/');
                self.run = run.unwrap_or_else(|| last.to_string());
                let note = format!("{} started, waiting for its end", report::quote(&self.run));
                let pause = poll::retry_after(transfer, clock);
                self.schedule_poll(status, pause, Some(note), now, self.started + limit)
            }
        }
    }

    /// Handles the result of a poll.
    fn after_poll(
        &mut self,
        url: &Url,
        transfer: &TransferResult,
        now: Duration,
        clock: u64,
    ) -> SessionState {
        let wait_deadline = self.started + self.plan.wait.unwrap_or_default();
        let pause = poll::retry_after(transfer, clock);
        let problem = match (&transfer.failure, &transfer.head) {
            (Some(failure), _) => failure.message.clone(),
            (None, Some(head)) if (200..300).contains(&head.status) => {
                return match wait::run_state(&lossy(&transfer.body)) {
                    Ok(RunState::Active(_)) => {
                        self.schedule_poll(url.clone(), pause, None, now, wait_deadline)
                    }
                    Ok(state) => self.after_run(state, now),
                    Err(failure) => self.failed(&failure),
                };
            }
            (None, Some(head)) => {
                let failure = report::http_failure(head, &lossy(&transfer.body));
                if !matches!(head.status, 408 | 429 | 500..) {
                    return self.failed(&Failure::new(
                        failure.code,
                        format_args!(
                            "the state of run {} can't be read: {}",
                            report::quote(&self.run),
                            failure.message.clone()
                        ),
                    ));
                }
                failure.message.clone()
            }
            (None, None) => "no response".to_string(),
        };
        let note = format!("{}: {problem}; will poll again", report::quote(&self.run));
        self.schedule_poll(url.clone(), pause, Some(note), now, wait_deadline)
    }

    /// The outcome of a run with this state.
    fn after_run(&mut self, state: RunState, now: Duration) -> SessionState {
        let elapsed = now.saturating_sub(self.started);
        match state {
            RunState::Succeeded(state) => {
                SessionState::Done(report::succeeded(&self.plan.name, &self.run, &state, elapsed))
            }
            RunState::Failed { code, state, cause } => {
                self.failed(&report::run_failure(code, &self.run, &state, cause.as_deref()))
            }
            RunState::Active(state) => {
                self.failed(&report::run_failure(ExitCode::RunUnknown, &self.run, &state, None))
            }
        }
    }

    fn schedule_poll(
        &mut self,
        url: Url,
        retry_after: Option<Duration>,
        note: Option<String>,
        now: Duration,
        wait_deadline: Duration,
    ) -> SessionState {
        if now >= wait_deadline {
            let waited = report::seconds(now.saturating_sub(self.started));
            let run = report::quote(&self.run);
            let message = format!("the run {run} was not finished after {waited}; it is not cancelled");
            return self.failed(&Failure::new(ExitCode::Timeout, format_args!("{message}")));
        }
        // The last poll is sent at the deadline, so that a run which has just ended is noticed.
        let until = (now + self.poll_interval.next(retry_after)).min(wait_deadline);
        SessionState::Pausing { until, note, then: AfterPause::Poll(url) }
    }

    fn failure_of(&self, transfer: &TransferResult) -> Option<Failure> {
        if transfer.failure.is_some() {
            return transfer.failure.clone();
        }
        let head = transfer.head.as_ref().filter(|head| head.status >= 400)?;
        let fails = self.plan.fail != FailMode::Never || self.plan.wait.is_some();
        fails.then(|| report::http_failure(head, &lossy(&transfer.body)))
    }

    fn failed(&self, failure: &Failure) -> SessionState {
        SessionState::Done(report::failed(&self.plan.name, failure))
    }
}

fn first_call(plan: &Plan, now: Duration) -> SessionState {
    let done_by = plan.max_time.map(|time| now + time);
    let connect_by = now + plan.connect_timeout;
    let limits = Limits { connect_by: done_by.map_or(connect_by, |by| by.min(connect_by)), done_by };
    SessionState::Calling { request: plan.request.clone(), redirects: 0, limits }
}
