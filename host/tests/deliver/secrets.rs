//! Secrets are in what is sent, and nowhere else.

use streamgauge::deliver::http::{
    client::{Client, Limits, SendError},
    outgoing::{Body, Outgoing, Template},
    resolver::Resolver,
};
use streamgauge_common::message::Response;

use super::{
    harness::{client, limits},
    receiver::{Behaviour, Receiver, answer},
};

const CANARY: &str = "canary-5f3a9c17";

fn secret(name: &str) -> Result<String, String> {
    match name {
        "TOKEN" => Ok(CANARY.into()),
        "LINES" => Ok(format!("{CANARY}\r\nX-Evil: 1")),
        "NO_PORT" => Ok(format!("http://host:{CANARY}/")),
        "NO_SCHEME" => Ok(format!("{CANARY}://host/")),
        "INSIDE" => Ok(format!("http://10.0.0.1/{CANARY}")),
        "NOWHERE" => Ok(format!("http://{CANARY}.invalid/")),
        _ => Err("set the environment's 'OTHER'".into()),
    }
}

async fn send(client: &Client, url: &str, header: &str) -> Result<Response, SendError> {
    let headers = vec![("Authorization".to_owned(), template(header))];
    let request =
        Outgoing { method: "POST", url: template(url), within: None, headers, body: Body::plain(&[]) };
    client.send(&request, &secret, None, "key").await
}

/// A text with secrets, written as people are shown them.
fn template(text: &str) -> Template {
    let mut template = Template::default();
    let mut rest = text;
    while let Some((before, (name, behind))) =
        rest.split_once("{secret:").and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        template.push(&Template::text(before));
        template.push(&Template::secret(name));
        rest = behind;
    }
    template.push(&Template::text(rest));
    template
}

fn clean(told: impl std::fmt::Debug) {
    let told = format!("{told:?}");
    assert!(!told.contains(CANARY) && !told.contains("canary"), "{told}");
}

#[tokio::test]
async fn they_are_filled_into_the_url_and_headers() {
    let receiver = Receiver::kind().await;
    let url = format!("{}/{{secret:TOKEN}}?t={{secret:TOKEN}}", receiver.url());
    send(&client(), &url, "Bearer {secret:TOKEN}").await.unwrap();
    let receipt = receiver.receipts().pop().unwrap();
    assert_eq!(receipt.line, format!("POST /hook/{CANARY}?t={CANARY} HTTP/1.1"));
    assert_eq!(receipt.header("authorization"), format!("Bearer {CANARY}"));
}

#[tokio::test]
async fn an_error_does_not_tell_them() {
    let strict = Client::new(false, Limits::default()).unwrap();
    let hurried = Client::new(true, limits(200)).unwrap();
    for url in ["{secret:NO_PORT}", "{secret:NO_SCHEME}", "{secret:INSIDE}", "http://h/{secret:OTHER}"] {
        let error = send(&strict, url, "").await.unwrap_err();
        assert!(matches!(error, SendError::Impossible(_)), "{error}");
        clean((&error, error.to_string()));
    }
    for header in ["{secret:LINES}", "{secret:OTHER}"] {
        let error = send(&strict, "http://hooks.example/", header).await.unwrap_err();
        assert!(matches!(error, SendError::Impossible(_)), "{error}");
        clean((&error, error.to_string()));
    }
    let error = send(&hurried, "{secret:NOWHERE}", "").await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable(_)), "{error}");
    clean((&error, error.to_string()));
    let talkative = Resolver::with_lookup(true, |name| {
        Box::pin(async move { Err(std::io::Error::other(format!("'{name}' is nowhere"))) })
    });
    let talkative = Client::with_resolver(talkative, limits(200)).unwrap();
    let error = send(&talkative, "http://{secret:TOKEN}/", "").await.unwrap_err();
    assert_eq!(error.to_string(), "cannot be reached: '{secret:TOKEN}' is nowhere");
    let garbage = Behaviour::Answer(format!("{CANARY} {CANARY}\r\n\r\n").into_bytes());
    for behaviour in [Behaviour::Hang, Behaviour::CutRead, Behaviour::CutUnread, garbage] {
        let receiver = Receiver::start(move |_| behaviour.clone()).await;
        let url = format!("{}/{{secret:TOKEN}}", receiver.url());
        let error = send(&hurried, &url, "{secret:TOKEN}").await.unwrap_err();
        assert!(matches!(error, SendError::Unanswered(_)), "{error}");
        clean((&error, error.to_string()));
    }
    clean((&strict, &hurried));
}

#[tokio::test]
async fn a_receiver_that_repeats_them_is_not_listened_to() {
    let receiver = Receiver::start(|_| {
        let location = format!("https://elsewhere.example/hook/{CANARY}?t={CANARY}");
        let body = format!("no such token: {CANARY}, at /hook/{CANARY}");
        answer(404, &[("Location", &location)], body.as_bytes())
    })
    .await;
    let url = format!("{}/{{secret:TOKEN}}?t={{secret:TOKEN}}", receiver.url());
    let response = send(&client(), &url, "{secret:TOKEN}").await.unwrap();
    clean(&response.headers);
    let body = String::from_utf8(response.body).unwrap();
    clean(&body);
    assert_eq!(body, "no such token: {secret:TOKEN}, at {the url's path}");
}
