//! Every option of the manual's table, compared with Debian's curl.

use std::{process::Command, thread};

use crate::support::{
    lines::{curl_line, our_line},
    program::{curl, finish, run},
};

/// Both programs have the same exit code, output and files, and send the same bytes.
fn same(lines: &[&str]) {
    let failed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = lines
            .iter()
            .map(|line| {
                scope.spawn(move || {
                    let (theirs, (ours, output)) = (curl_line(line), our_line(line));
                    (theirs != ours).then(|| format!("{line}\n  {theirs:?}\n  {ours:?}\n  {}", output.err))
                })
            })
            .collect();
        all.into_iter().filter_map(|line| line.join().expect("a line")).collect()
    });
    assert!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), lines.len(), failed.join("\n"));
}

/// curl-trigger sends nothing, exits with this code, and its message contains the text.
fn refused(lines: &[(&str, i32, &str)]) {
    for (line, code, text) in lines {
        let (ours, output) = our_line(line);
        assert_eq!((ours.code, ours.requests.len()), (Some(*code), 0), "{line}: {}", output.err);
        assert!(output.err.contains(text), "{line}: {}", output.err);
    }
}

#[test]
fn methods_and_bodies() {
    same(&[
        "-s URL/x",
        "-s URL/x -X POST -d a=b",
        "-s -I URL/x",
        "-s -I -X OPTIONS URL/x",
        "-s -i -I URL/x",
        "-sS -X DELETE URL/x",
        "-s --request PUT -d @text.txt URL/x",
        "-s --data-ascii a -d b --data-binary @text.txt --data-raw @c URL/x",
        "-s -d '' URL/x",
        "-s --json '{\"a\": 1}' --json @data.json URL/x",
        "-s --json {} -H 'Accept: q' -H 'X-A: b' URL/x",
        "-s --data-urlencode '=a b' --data-urlencode 'c d/é&=' --data-urlencode n@text.txt --data-urlencode @text.txt URL/x",
        "-s --data-urlencode 'name=a b~-._+' -d c=d URL/x",
        "-s -G -d q=1 --data-urlencode 'r=a b&c/é' 'URL/p?z=%2F#fragment'",
        "-s -G -d q=%2F%C3 URL",
        "-s -G -d q=1 URL/p?",
        "-s -G -d @text.txt -X POST URL/x",
        "-s -I -G -d x=1 URL/p",
        "-s -G 'URL/x?y'",
        "-s -G -d 'a b' URL/x",
        "-s -T text.txt URL/folder/",
        "-s -T text.txt URL",
        "-s -T page.html -X POST 'URL/x/?y=z'",
        "-s --upload-file text.txt -H 'Content-Type: text/plain' URL/x",
        "-s -T absent URL/x",
        "-s -d @absent -F a=b URL/x",
        "-s -I -d x URL/x",
        "-s -T text.txt -d x URL/x",
        "-s -T text.txt -F a=b URL/x",
        "-s -T text.txt -I URL/x",
        "-s -F a=b -d x URL/x",
    ]);
}

#[test]
fn forms() {
    same(&[
        "-s -F a=b URL/x",
        "-s -F file=@text.txt -F text=<text.txt -F page=@page.html -F html=<page.html -F json=@data.json URL/x",
        "-s -F 'f=@text.txt;type=a/b;filename=x\"y' -F 'v={\"a\":1};type=application/json' URL/x",
        "-s -F 'a=b;type=text/plain; charset=utf-8;filename=n.png' URL/x",
        "-s -F 'a=b;filename=n.png' -F 'c=\"x;y\\\"z\"' -F e= -F =nameless -F 'g\"h=i' URL/x",
        "-s --form-string 'a=@b;type=x' --form c=d -X PUT URL/x",
        "-s -F f=@- URL/x",
        "-s -F a=@absent URL/x",
        "-s -F noequals URL/x",
    ]);
    refused(&[
        ("-s -F a=@text.txt,data.json URL/x", 2, "several files"),
        ("-s -F '=(;type=multipart/mixed' URL/x", 2, "nested parts"),
        ("-s -F 'a=b;headers=X-A: b' URL/x", 2, "headers="),
        ("-s -F 'a=b;encoder=base64' URL/x", 2, "encoder="),
    ]);
}

#[test]
fn headers_and_credentials() {
    same(&[
        "-s -H 'X-A: b' -H X-Empty; -H Accept: -H @headers URL/x",
        "-s -H 'User-Agent: z' -H 'Host: h' -H 'Content-Type: t' -d a -H 'X-A: b' URL/x",
        "-s -H Host: -H User-Agent: -H Accept: URL/x",
        "-s -A agent -e http://referer/ -b 'a=1; b=2' -b c=3 -u user:pass:word URL/x",
        "-s -A '' -e '' URL/x",
        "-s -u user URL/x",
        "-s -u '' URL/x",
        "-s -u user:ü -H 'Authorization: Bearer t' URL/x",
        "-s -b a=b -H 'Cookie: c=d' -e r -H 'Referer: q' URL/x",
        "-s --basic -u a:b --user c:d URL/x",
        "-s --user-agent a --referer r --cookie c=d --header 'X-A: b' URL/x",
    ]);
    refused(&[
        ("-s -H 'X-A: b' -H token URL/x", 2, "-H number 2 is not a header"),
        ("-s -H 'X-Space; ' URL/x", 2, "-H number 1 is not a header"),
        ("-s -H 'X-A : b' URL/x", 2, "-H number 1 is not a header"),
        ("-s -H @text.txt URL/x", 2, "line 1 of text.txt"),
        ("-s -b cookies.txt URL/x", 2, "-b"),
        ("-s http://user:pass@127.0.0.1:1/", 2, "-u USER:PASSWORD"),
    ]);
}

#[test]
fn outputs() {
    same(&[
        "-s -o out URL/x",
        "-s -o old -w %{http_code} URL/x",
        "-s -o first -o second URL/x",
        "-s -o - URL/x",
        "-s -D heads -o out URL/x",
        "-s --dump-header old URL/x",
        "-s -D - URL/x",
        "-s -D heads -I URL/x",
        "-s -i -o out URL/x",
        "-sf -w '%{http_code} %{url_effective}\\n' --output /dev/null URL/x",
        "-s -o out http://127.0.0.1:1/",
        "-s -o old http://127.0.0.1:1/",
        "-s -D heads http://127.0.0.1:1/",
        "-s -N -# --no-progress-meter --no-keepalive --keepalive-time 9 --tcp-nodelay URL/x",
        "-s --no-silent --silent --fail-with-body --max-time 5 --connect-timeout 3 --http1.1 -q URL/x",
    ]);
}

#[test]
fn urls_and_connections() {
    same(&[
        "-s URL/{a}/x",
        "-s URL/${NAME}",
        "-s URL/$(NAME)",
        "-s 'URL/\\{a\\}[]'",
        "-s -g 'URL/{a,b}[1-2]'",
        "-s --globoff 'URL/a\\{b'",
        "-s 'URL/{}'",
        "-s 'URL/x}'",
        "-s 'URL/[2-1]'",
        "-s 'URL/[1-2'",
        "-s 'URL/[a-c:9]'",
        "-s 'URL/?a[x]=1'",
        "-s --url URL/x",
        "-s -4 URL/x",
        "-s --ipv6 http://127.0.0.1:1/",
        "-s -4 http://[::1]:1/",
        "-s -k --tlsv1.2 --tlsv1.3 --noproxy '*' --location-trusted URL/x",
        "-s -L --max-redirs 3 --retry 2 --retry-all-errors --retry-connrefused --retry-delay 1 --retry-max-time 9 URL/x",
        "-K curlrc",
        "-s -K curlrc -X POST",
        "-s -K absent URL/x",
    ]);
    refused(&[
        ("-s 'URL/{a,b}'", 2, "-g"),
        ("-s 'URL/[1-3]'", 2, "-g"),
        ("-s URL/a URL/b", 2, "second URL"),
        ("-s --proxy http://p:1 URL/x", 2, "option --proxy is not supported: requests are sent directly"),
        ("-s -x http://p:1 URL/x", 2, "option -x is not supported: requests"),
    ]);
}

#[test]
fn a_leading_curl_is_accepted() {
    for line in ["curl -s URL/x", "/usr/bin/curl -s URL/x"] {
        let (_, rest) = line.split_once(' ').expect("a name");
        assert_eq!(our_line(line).0, curl_line(rest));
    }
}

#[test]
fn an_option_without_a_request_of_its_own_changes_only_its_header() {
    let (theirs, (ours, _)) = (curl_line("-s --compressed URL/x"), our_line("-s --compressed URL/x"));
    assert_eq!((theirs.code, &theirs.out), (ours.code, &ours.out));
    assert!(ours.requests[0].contains("\r\nAccept-Encoding: identity\r\n"));
}

#[test]
fn variables_that_were_not_expanded_are_named() {
    let (_, output) = our_line("-sS URL/x -H 'X-Key: ${KEY}' -d $(BODY)");
    for warning in ["the header X-Key contains ${KEY} literally", "the body contains $(BODY) literally"] {
        assert!(output.err.contains(warning), "{}", output.err);
    }
}

#[test]
fn every_option_of_curl_is_supported_or_refused_by_name() {
    let listed = finish(Command::new("curl").args(["--help", "all"])).exits(0).out;
    let options: Vec<&str> = listed
        .lines()
        .flat_map(|line| line.split_whitespace().take(2))
        .map(|word| word.trim_end_matches(','))
        .filter(|word| word.starts_with('-') && word.len() > 1)
        .collect();
    assert!(options.len() > 240, "{listed}");
    for option in options {
        let output = run(&[option, "1", "http://127.0.0.1:1/"]);
        if output.err.contains("is not supported") {
            assert_eq!(output.code, Some(2), "{option}");
            assert!(output.err.contains(&format!("option {option} is not supported: ")), "{}", output.err);
        }
    }
    assert_eq!(curl(&["--nonsense"]).code, run(&["--nonsense"]).code);
}
