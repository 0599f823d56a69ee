//! What to do next, from the first request to the outcome line.
//!
//! The program asks [`Session::next`] for a step, carries it out, and tells [`Session::transferred`] how a
//! transfer went. Redirects, retries and the questions about a run are decided here, without a socket.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use crate::{
    exit::{Code, Failure},
    header::{Header, Headers, Rule},
    http_date,
    options::Fail,
    plan::{self, Flavour, Plan},
    redirect,
    report::{self, Ending},
    request::Request,
    response::Head,
    retry::{Attempt, Schedule},
    secret::is_secret_header,
    text::lossy,
    url::Url,
    wait::{self, Pace, RunState},
};

/// As much of an answer's body is kept to look for a run's id and state in.
pub const MAX_KEPT_BODY: usize = 256 * 1024;

/// What a request is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The call that was asked for: its answer is printed.
    Call,
    /// A question about a run: its answer is not printed.
    Poll,
}

/// The moments that bound a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The request must be under way by then: name, connection, TLS.
    pub connect_by: Duration,
    /// All must be done by then; `None` is no limit.
    pub done_by: Option<Duration>,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send a request and read its answer.
    Send(Request, Limits, Role),
    /// Do nothing until a moment; print the note, if there is one.
    Pause(Duration, Option<String>),
    /// Say how it ended and exit.
    End(Ending),
}

/// How a transfer went.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    /// What broke it off.
    pub failure: Option<Failure>,
    /// The final head, if it came.
    pub head: Option<Head>,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

enum State {
    /// To call, after this many redirects, before this moment.
    Calling {
        request: Request,
        redirects: u32,
        limits: Limits,
    },
    /// To ask about the run.
    Asking {
        url: Url,
    },
    /// To pause, then go on.
    Pausing {
        until: Duration,
        note: Option<String>,
        then: Next,
    },
    Ended(Ending),
}

enum Next {
    Call,
    Ask(Url),
}

/// The course of one run of the program.
pub struct Session<'a> {
    plan: &'a Plan,
    flavour: Flavour,
    state: State,
    schedule: Schedule,
    pace: Pace,
    started: Duration,
    run: String,
    redirects: u32,
}

impl<'a> Session<'a> {
    /// Begins at `now`.
    pub fn new(plan: &'a Plan, flavour: Flavour, now: Duration) -> Self {
        let schedule = Schedule::new(plan.retry, now);
        let state = first_call(plan, now);
        Self {
            plan,
            flavour,
            state,
            schedule,
            pace: Pace::default(),
            started: now,
            run: String::new(),
            redirects: 0,
        }
    }

    /// Attempts made after the first.
    pub fn retries(&self) -> u32 {
        self.schedule.made()
    }

    /// Redirects followed in the last attempt.
    pub fn redirects(&self) -> u32 {
        self.redirects
    }

    /// Whether the answer with this head is the last of its chain and its body to be printed.
    pub fn shows_body(&self, head: &Head) -> bool {
        let withheld = self.plan.fail == Fail::WithoutBody && head.status >= 400;
        !withheld && !self.will_follow(head)
    }

    /// The next step.
    pub fn next(&mut self, now: Duration) -> Step {
        match &mut self.state {
            State::Calling { request, limits, .. } => Step::Send(request.clone(), *limits, Role::Call),
            State::Asking { url } => {
                let by = self.started + self.plan.wait.unwrap_or_default();
                let each = self.plan.max_time.unwrap_or(wait::POLL_TIMEOUT).min(wait::POLL_TIMEOUT);
                let done_by = (now + each).min(by.max(now + Duration::from_millis(1)));
                let connect_by = done_by.min(now + self.plan.connect_timeout);
                let request = question(&self.plan.request, url);
                Step::Send(request, Limits { connect_by, done_by: Some(done_by) }, Role::Poll)
            }
            State::Pausing { until, note, then } if now >= *until && note.is_none() => {
                self.state = match then {
                    Next::Call => first_call(self.plan, now),
                    Next::Ask(url) => State::Asking { url: url.clone() },
                };
                self.next(now)
            }
            State::Pausing { until, note, .. } => Step::Pause(*until, note.take()),
            State::Ended(ending) => Step::End(ending.clone()),
        }
    }

    /// Takes note of how the last request went. `clock` is the time of day in seconds since 1970.
    pub fn transferred(&mut self, transfer: &Transfer, now: Duration, clock: u64) {
        match &self.state {
            State::Calling { request, redirects, limits } => {
                let redirected = match &transfer.head {
                    Some(head) if transfer.failure.is_none() && self.will_follow(head) => {
                        redirect::follow(request, head, self.plan.method_chosen)
                    }
                    _ => None,
                };
                self.state = match redirected {
                    Some(next) => self.redirected(next, *redirects, *limits),
                    None => self.called(&request.url.clone(), transfer, now, clock),
                };
            }
            State::Asking { url } => self.state = self.answered(&url.clone(), transfer, now, clock),
            State::Pausing { .. } | State::Ended(_) => {}
        }
    }

    fn will_follow(&self, head: &Head) -> bool {
        let redirects = matches!(head.status, 301 | 302 | 303 | 307 | 308);
        self.plan.max_redirects.is_some() && redirects && head.header("location").is_some()
    }

    fn redirected(&mut self, next: Result<Request, Failure>, before: u32, limits: Limits) -> State {
        let max = self.plan.max_redirects.unwrap_or_default();
        let next = next.and_then(|next| plan::check_flavour(&next.url, self.flavour).map(|()| next));
        match next {
            Ok(_) if before >= max => self.failed(&redirect::too_many(max)),
            Ok(request) => {
                self.redirects = before + 1;
                State::Calling { request, redirects: before + 1, limits }
            }
            Err(failure) => self.failed(&failure),
        }
    }

    /// The call has its answer or its failure.
    fn called(&mut self, url: &Url, transfer: &Transfer, now: Duration, clock: u64) -> State {
        let failure = self.failure_of(transfer);
        let status = transfer.head.as_ref().map(|head| head.status);
        let attempt = Attempt {
            code: failure.as_ref().map_or(Code::Ok, |failure| failure.code),
            status,
            refused: failure.as_ref().is_some_and(|failure| failure.refused),
            retry_after: retry_after(transfer, clock),
        };
        if let Some(retry) = self.schedule.next(&attempt, now) {
            let pause = report::seconds(retry.pause);
            let note =
                format!("Problem: {}. Will retry in {pause}, {} retries left.", retry.reason, retry.left);
            self.redirects = 0;
            return State::Pausing { until: now + retry.pause, note: Some(note), then: Next::Call };
        }
        if let Some(failure) = failure {
            return self.failed(&failure);
        }
        match &transfer.head {
            Some(head) if (200..300).contains(&head.status) => self.taken(url, head, transfer, now, clock),
            Some(head) => {
                let body = lossy(&transfer.body);
                let waits = self.plan.wait.is_some();
                if self.plan.from_environment || waits {
                    return self.failed(&report::http_failure(head, &body));
                }
                State::Ended(report::not_triggered(&self.plan.name, head, &body))
            }
            None => self.failed(&Failure::new(Code::EmptyReply, format_args!("the server gave no answer"))),
        }
    }

    /// The server took the call.
    fn taken(&mut self, url: &Url, head: &Head, transfer: &Transfer, now: Duration, clock: u64) -> State {
        let body = lossy(&transfer.body);
        let run = wait::run_id(&body);
        let Some(limit) = self.plan.wait else {
            return State::Ended(report::triggered(&self.plan.name, head, run.as_deref()));
        };
        // An answer that already says how the run ended needs no question.
        if let Ok(state @ (RunState::Succeeded(_) | RunState::Ended(..))) = wait::run_state(&body) {
            self.run = run.unwrap_or_else(|| "the run".to_string());
            return self.judged(state, now);
        }
        let status = wait::status_url(url, head, &body)
            .and_then(|url| plan::check_flavour(&url, self.flavour).map(|()| url));
        match status {
            Err(failure) => self.failed(&failure),
            Ok(status) => {
                let last = status.path().rsplit('/').next().unwrap_or_default();
                self.run = run.unwrap_or_else(|| last.to_string());
                let note = format!("{} started, waiting for its end", report::quote(&self.run));
                self.ask_later(status, retry_after(transfer, clock), Some(note), now, self.started + limit)
            }
        }
    }

    /// A question about the run has its answer or its failure.
    fn answered(&mut self, url: &Url, transfer: &Transfer, now: Duration, clock: u64) -> State {
        let by = self.started + self.plan.wait.unwrap_or_default();
        let pause = retry_after(transfer, clock);
        let trouble = match (&transfer.failure, &transfer.head) {
            (Some(failure), _) => failure.message.clone(),
            (None, Some(head)) if (200..300).contains(&head.status) => {
                return match wait::run_state(&lossy(&transfer.body)) {
                    Ok(RunState::Active(_)) => self.ask_later(url.clone(), pause, None, now, by),
                    Ok(state) => self.judged(state, now),
                    Err(failure) => self.failed(&failure),
                };
            }
            (None, Some(head)) => {
                let failure = report::http_failure(head, &lossy(&transfer.body));
                if !matches!(head.status, 408 | 429 | 500..) {
                    return self.failed(&Failure::new(
                        failure.code,
                        format_args!(
                            "the run {} can't be followed: {}",
                            report::quote(&self.run),
                            failure.message.clone()
                        ),
                    ));
                }
                failure.message.clone()
            }
            (None, None) => "no answer".to_string(),
        };
        let note = format!("{}: {trouble}; asking again", report::quote(&self.run));
        self.ask_later(url.clone(), pause, Some(note), now, by)
    }

    fn judged(&mut self, state: RunState, now: Duration) -> State {
        let after = now.saturating_sub(self.started);
        match state {
            RunState::Succeeded(word) => {
                State::Ended(report::succeeded(&self.plan.name, &self.run, &word, after))
            }
            RunState::Ended(code, word, cause) => {
                self.failed(&report::run_ended(code, &self.run, &word, cause.as_deref()))
            }
            RunState::Active(word) => {
                self.failed(&report::run_ended(Code::RunUnknown, &self.run, &word, None))
            }
        }
    }

    fn ask_later(
        &mut self,
        url: Url,
        asked: Option<Duration>,
        note: Option<String>,
        now: Duration,
        by: Duration,
    ) -> State {
        if now >= by {
            let waited = report::seconds(now.saturating_sub(self.started));
            let run = report::quote(&self.run);
            let message =
                format!("the run {run} was not over after {waited}; it goes on without being watched");
            return self.failed(&Failure::new(Code::Timeout, format_args!("{message}")));
        }
        // The last question is asked when the time is up, so that a run which just ended is seen.
        let until = (now + self.pace.next(asked)).min(by);
        State::Pausing { until, note, then: Next::Ask(url) }
    }

    fn failure_of(&self, transfer: &Transfer) -> Option<Failure> {
        if transfer.failure.is_some() {
            return transfer.failure.clone();
        }
        let head = transfer.head.as_ref().filter(|head| head.status >= 400)?;
        let fails = self.plan.fail != Fail::No || self.plan.wait.is_some();
        fails.then(|| report::http_failure(head, &lossy(&transfer.body)))
    }

    fn failed(&self, failure: &Failure) -> State {
        State::Ended(report::failed(&self.plan.name, failure))
    }
}

fn first_call(plan: &Plan, now: Duration) -> State {
    let done_by = plan.max_time.map(|time| now + time);
    let connect_by = now + plan.connect_timeout;
    let limits = Limits { connect_by: done_by.map_or(connect_by, |by| by.min(connect_by)), done_by };
    State::Calling { request: plan.request.clone(), redirects: 0, limits }
}

/// The question about a run: with the call's credentials where it goes to the call's own origin, and
/// without anything that speaks about the call's body.
fn question(call: &Request, url: &Url) -> Request {
    let own = url.same_origin(&call.url);
    let drop = |name: &str| {
        let about_call = ["content-type", "idempotency-key", "accept", "host", "prefer"];
        about_call.iter().any(|known| name.eq_ignore_ascii_case(known)) || (!own && is_secret_header(name))
    };
    let mut headers: Headers = call.headers.without(drop);
    if let Ok(accept) = Header::new("Accept", "application/json") {
        headers.push(Rule::Set(accept));
    }
    Request { method: "GET".to_string(), url: url.clone(), headers, body: None }
}

/// `Retry-After` of the answer, in seconds or as a date.
fn retry_after(transfer: &Transfer, clock: u64) -> Option<Duration> {
    let value = transfer.head.as_ref()?.header("retry-after")?.trim_ascii();
    let seconds =
        value.parse().ok().or_else(|| http_date::parse(value).map(|date| date.saturating_sub(clock)));
    seconds.map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
