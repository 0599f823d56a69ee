//! Compares the next runs of schedules with robfig/cron v3, which kube-controller-manager uses.

use std::io::Write;
use std::process::{Command, Stdio};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::tool;
use trigger_core::cronjob::{ConcurrencyPolicy, CronJobSummary};
use trigger_core::parameters::DeclaredParameters;
use trigger_core::schedule::{NoNextRun, next_run};

/// The number of generated schedules. Each is asked for at two times.
const SCHEDULES: usize = 6_000;

/// Zones with changes of the clocks by one hour, half an hour and two hours, at midnight and at other times, on both
/// hemispheres, and with offsets that are no full hours.
const ZONES: &[&str] = &[
    "UTC",
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/London",
];

/// Changes of the clocks in these zones, and the ends of months and years.
const MOMENTS: &[&str] = &[
    "2018-02-18T02:00:00Z",
    "2018-11-04T03:00:00Z",
    "2024-02-28T23:59:59Z",
    "2025-12-31T23:59:00Z",
    "2026-03-08T07:00:00Z",
    "2026-03-28T22:00:00Z",
    "2026-03-29T01:00:00Z",
    "2026-04-04T15:00:00Z",
    "2026-04-05T03:00:00Z",
    "2026-04-23T22:00:00Z",
    "2026-09-06T04:00:00Z",
    "2026-10-03T15:30:00Z",
    "2026-10-25T01:00:00Z",
    "2026-11-01T06:00:00Z",
    "2097-01-01T00:00:00Z",
];

const HOUR: i64 = 3600;

#[derive(Clone)]
struct Case {
    schedule: String,
    zone: &'static str,
    after: Timestamp,
}

/// A next run in seconds since 1970, no next run, or an invalid schedule.
#[derive(Debug, Eq, PartialEq)]
enum Answer {
    At(i64),
    Never,
    Invalid,
}

#[test]
fn next_runs_are_those_of_the_library_that_kubernetes_uses() {
    let mut rng = Rng::with_seed(17);
    let mut cases = Vec::new();
    for _ in 0..SCHEDULES {
        let schedule = schedule(&mut rng);
        let zone = pick(&mut rng, ZONES);
        for after in [moment(&mut rng), moment(&mut rng)] {
            cases.push(Case { schedule: schedule.clone(), zone, after });
        }
    }
    let expected = robfig(&cases);
    let count = |wanted: fn(&Answer) -> bool| expected.iter().filter(|answer| wanted(answer)).count();
    assert!(count(|answer| matches!(answer, Answer::At(_))) > SCHEDULES, "most schedules have a next run");
    assert!(count(|answer| *answer == Answer::Never) > 20, "some schedules never match");
    assert!(count(|answer| *answer == Answer::Invalid) > 500, "some schedules are not valid");
    let different: Vec<String> = cases
        .iter()
        .zip(&expected)
        .filter_map(|(case, expected)| {
            let found = ours(case);
            let Case { schedule, zone, after } = case;
            (found != *expected)
                .then(|| format!("{schedule:?} in {zone} after {after}: {found:?}, not {expected:?}"))
        })
        .collect();
    assert!(
        different.is_empty(),
        "{} differ:\n{}",
        different.len(),
        different[..different.len().min(20)].join("\n")
    );
}

fn ours(case: &Case) -> Answer {
    let cronjob = CronJobSummary {
        schedule: case.schedule.clone(),
        time_zone: Some(case.zone.to_owned()),
        suspended: false,
        concurrency_policy: ConcurrencyPolicy::Allow,
        last_scheduled_at: None,
        parameters: DeclaredParameters::default(),
    };
    match next_run(&cronjob, case.after) {
        Ok(at) => Answer::At(at.as_second()),
        Err(NoNextRun::NeverMatches) => Answer::Never,
        Err(NoNextRun::Invalid(_)) => Answer::Invalid,
        Err(other) => panic!("{:?}: {other}", case.schedule),
    }
}

/// The answers of the program `tools/next-run`.
fn robfig(cases: &[Case]) -> Vec<Answer> {
    let mut program = Command::new(tool::path("next-run"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("next-run starts");
    let mut input = program.stdin.take().expect("its input is a pipe");
    let questions: Vec<String> = cases
        .iter()
        .map(|Case { schedule, zone, after }| {
            json!({ "schedule": schedule, "zone": zone, "after": after.as_second() }).to_string()
        })
        .collect();
    let writer = std::thread::spawn(move || input.write_all(questions.join("\n").as_bytes()));
    let output = program.wait_with_output().expect("next-run ends");
    assert!(output.status.success(), "next-run failed; its reason is above");
    writer.join().expect("the writer does not panic").expect("next-run reads every question");
    let answers: Vec<Answer> = String::from_utf8(output.stdout)
        .expect("JSON is UTF-8")
        .lines()
        .map(|line| match serde_json::from_str::<Value>(line).expect("each line is JSON") {
            answer if answer["error"].is_string() => Answer::Invalid,
            answer => answer["next"].as_i64().map_or(Answer::Never, Answer::At),
        })
        .collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// One of [`MOMENTS`], some hours earlier or later.
fn moment(rng: &mut Rng) -> Timestamp {
    let moment: Timestamp = pick(rng, MOMENTS).parse().expect("a time");
    let shift =
        if rng.bool() { rng.i64(-36 * HOUR..36 * HOUR) } else { rng.i64(-3 * HOUR..2 * HOUR) / 60 * 60 };
    Timestamp::from_second(moment.as_second() + shift).expect("a time of this century")
}

/// A schedule as people write it, or one with any syntax in its fields.
fn schedule(rng: &mut Rng) -> String {
    const MACROS: &[&str] = &[
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
        "@Daily",
        "@reboot",
        " @daily",
    ];
    const USUAL: &[[&str; 5]] = &[
        ["*/5", "*/15", "0", "30", "0,30"],
        ["*", "*/2", "0", "2", "9-17/4"],
        ["*", "?", "*/2", "13", "31"],
        ["*", "*/3", "2", "MAR,nov", "?"],
        ["*", "?", "*/2", "1-5", "SUN"],
    ];
    if rng.u8(..20) == 0 {
        return pick(rng, MACROS).to_owned();
    }
    let any_syntax = rng.u8(..3) == 0;
    let mut fields: Vec<String> = USUAL
        .iter()
        .enumerate()
        .map(|(index, usual)| {
            if any_syntax && rng.bool() {
                (0..=rng.usize(..2)).map(|_| part(rng, index)).collect::<Vec<_>>().join(",")
            } else {
                pick(rng, usual).to_owned()
            }
        })
        .collect();
    match rng.u8(..60) {
        0 => fields.truncate(4),
        1 => fields.push("*".to_owned()),
        _ => {}
    }
    fields.join(pick(rng, &[" ", " ", " ", "  ", "\t"]))
}

/// A part of the field with this index. It may be outside the bounds, or no valid syntax.
fn part(rng: &mut Rng, index: usize) -> String {
    const WRONG: &[&str] =
        &["", "-", "/", "1-", "/2", "1-2-3", "1/2/3", "*-", "L", "5#3", "-1", "1.5", "monday", "4294967297"];
    let (low, high) = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)][index];
    let value = |rng: &mut Rng| rng.u32(low..=high);
    let step = |rng: &mut Rng| pick(rng, &["1", "2", "3", "7", "+2", "05", "40", "0", "99999999999"]);
    match rng.u8(..30) {
        0..8 => value(rng).to_string(),
        8..12 => format!("*/{}", step(rng)),
        12..14 => format!("?/{}", step(rng)),
        14..17 => format!("{}/{}", value(rng), step(rng)),
        17..21 => format!("{}-{}", value(rng), value(rng)),
        21..24 => format!("{}-{}/{}", value(rng), high, step(rng)),
        24 => format!("*-{}/{}", value(rng), step(rng)),
        25 => pick(rng, &["jan", "FEB", "Mar", "sun", "SAT", "Wed", "mon-FRI", "apr-oct/2"]).to_owned(),
        26 => (high + 1).to_string(),
        27 => format!("0{}", value(rng)),
        28 => "*".to_owned(),
        _ => pick(rng, WRONG).to_owned(),
    }
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.usize(..from.len())]
}
