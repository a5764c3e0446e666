//! Which route a request is for, and its parameters.

use std::collections::BTreeMap;

use streamgauge_sql::nearest;

use crate::server::{
    problem::Problem,
    routes::{Parameter, ParameterKind, ROUTES, Route},
};

/// The route of a request, and the parts of its path.
pub(super) fn find(
    method: &str,
    path: &str,
) -> Result<(&'static Route, BTreeMap<&'static str, String>), Problem> {
    let matching: Vec<_> =
        ROUTES.iter().filter_map(|route| Some((route, parts(route.path, path)?))).collect();
    let method = if method == "HEAD" { "GET" } else { method };
    let allowed: Vec<&str> = matching.iter().map(|(route, _)| route.method).collect();
    if allowed.is_empty() {
        return Err(Problem::not_found(format!("there is no '{path}'; /openapi.json says what there is")));
    }
    matching.into_iter().find(|(route, _)| route.method == method).ok_or_else(|| {
        let detail = format!("'{path}' takes {}", allowed.join(", "));
        Problem::new(405, "method", "The method is not allowed", detail)
    })
}

/// The parts of a path by their names, if it is of this form.
fn parts(form: &'static str, path: &str) -> Option<BTreeMap<&'static str, String>> {
    let mut parts = BTreeMap::new();
    let (mut given, mut wanted) = (path.split('/'), form.split('/'));
    loop {
        match (given.next(), wanted.next()) {
            (None, None) => return Some(parts),
            (Some(text), Some(form)) => {
                match form.strip_prefix('{').and_then(|form| form.strip_suffix('}')) {
                    Some(name) => {
                        let text = decoded(text).filter(|text| !text.is_empty())?;
                        parts.insert(name, text);
                    }
                    None if text == form => {}
                    None => return None,
                }
            }
            _ => return None,
        }
    }
}

/// A part of a path without its escapes.
fn decoded(text: &str) -> Option<String> {
    // As a value of a form, but that a plus is a plus.
    let escaped = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    let (name, _) = form_urlencoded::parse(escaped.as_bytes()).next()?;
    (!name.contains(char::REPLACEMENT_CHARACTER)).then(|| name.into_owned())
}

/// What stands behind the `?`, checked.
pub(super) fn query(route: &Route, text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let Some(known) = route.parameters.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = route.parameters.iter().map(|known| known.name).collect();
            let help = match nearest(&name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if names.is_empty() => "it takes none".to_owned(),
                None => format!("it takes {}", names.join(", ")),
            };
            return Err(Problem::bad_request(format!("there is no parameter `{name}` here; {help}")));
        };
        if let Some(expected) = misfit(known, &value) {
            return Err(Problem::bad_request(format!("the parameter `{name}` is {expected}, not '{value}'")));
        }
        if query.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(Problem::bad_request(format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(query)
}

fn misfit(parameter: &Parameter, value: &str) -> Option<String> {
    match parameter.kind {
        ParameterKind::Switch => (value != "true" && value != "false").then(|| "true or false".to_owned()),
        ParameterKind::Count(least, most) => {
            let fits = value.parse().is_ok_and(|count| (least..=most).contains(&count));
            (!fits).then(|| format!("a whole number from {least} to {most}"))
        }
        ParameterKind::RequiredText => value.is_empty().then(|| "a text that is not empty".to_owned()),
        ParameterKind::Text => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let found = |method, path| find(method, path).map(|(route, parts)| (route.id, parts));
        let (id, parts) = found("GET", "/v1/deployments/a%20b").unwrap();
        assert_eq!((id, parts["name"].as_str()), ("showDeployment", "a b"));
        assert_eq!(found("HEAD", "/livez").unwrap().0, "livez");
        assert_eq!(found("GET", "/v1/queries/d.q/rows").unwrap().1["query"], "d.q");
        assert_eq!(found("GET", "/v1/queries/a+b=c&d").unwrap().1["query"], "a+b=c&d");
        for path in [
            "/",
            "",
            "/v1",
            "/v1/deployments/",
            "/v1/deployments/a/b",
            "/v1/queries//rows",
            "/v1/queries/%ff",
        ] {
            assert_eq!(found("GET", path).unwrap_err().status, 404, "{path}");
        }
        let wrong = found("PATCH", "/v1/deployments/a").unwrap_err();
        assert_eq!(
            (wrong.status, wrong.detail.as_str()),
            (405, "'/v1/deployments/a' takes GET, PUT, DELETE")
        );
    }

    #[test]
    fn parameters_are_those_of_the_route() {
        let rows = ROUTES.iter().find(|route| route.id == "rows").unwrap();
        assert_eq!(query(rows, "limit=5&follow=true").unwrap().len(), 2);
        for wrong in ["limit=x", "limit=1001", "limit=-1", "follow=1", "limits=5", "limit=1&limit=2", "x"] {
            assert_eq!(query(rows, wrong).unwrap_err().status, 400, "{wrong}");
        }
        assert!(query(rows, "limits=5").unwrap_err().detail.contains("did you mean `limit`?"));
    }
}
