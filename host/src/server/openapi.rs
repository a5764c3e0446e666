//! The OpenAPI document, made from the table of routes and the shapes of answers.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    problem::Problem,
    routes::{Parameter, ParameterKind, ROUTES, Route, Shape},
    shapes,
};
use crate::config::set;

/// The document.
pub fn document() -> Value {
    let mut generator = generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        set(path, &route.method.to_ascii_lowercase(), operation);
    }
    let problem = schema_of::<Problem>(&mut generator);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Streamgauge",
            "description": "Deploys SQL window queries, and shows how they are.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Problem": {
                    "description": "what is wrong",
                    "content": {"application/problem+json": {"schema": problem}},
                },
                "Busy": {
                    "description": "the host is ending, or too many changes are being made; then it says when to ask again",
                    "headers": {"Retry-After": {
                        "description": "after how many seconds to ask again, where the host is busy",
                        "schema": {"type": "integer"},
                    }},
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
        },
    })
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
        .into_generator()
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let mut answers: Map<String, Value> = Map::new();
    for (status, shape, meaning) in route.answers {
        let mut answer = json!({"description": meaning});
        let content = content(*shape, generator);
        if !content.is_empty() {
            set(&mut answer, "content", content.into());
        }
        answers.insert(status.to_string(), answer);
    }
    let mut problems: Vec<u16> = route.problems.to_vec();
    problems.extend(if route.scope.is_some() { [400, 401, 403].as_slice() } else { &[400] });
    problems.extend(if route.body.is_some() { [400, 408, 413, 415].as_slice() } else { &[] });
    // States cannot be read, or the host is ending.
    problems.extend([500, 503]);
    if route.method != "GET" && !answers.contains_key("503") {
        answers.insert("503".to_owned(), json!({"$ref": "#/components/responses/Busy"}));
    }
    for status in problems {
        answers
            .entry(status.to_string())
            .or_insert_with(|| json!({"$ref": "#/components/responses/Problem"}));
    }
    let parts = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let of_path = parts.map(|name| {
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
    });
    let of_query = route.parameters.iter().map(parameter);
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "parameters": of_path.chain(of_query).collect::<Vec<_>>(),
        "responses": answers,
    });
    if let Some(body) = route.body {
        let kinds = body.takes().iter().map(|kind| {
            let schema = match *kind {
                "application/sql" | "text/plain" => json!({"type": "string"}),
                _ => json!({}),
            };
            ((*kind).to_owned(), json!({"schema": schema}))
        });
        let body = json!({"required": true, "content": kinds.collect::<Map<_, _>>()});
        set(&mut operation, "requestBody", body);
    }
    let security = match route.scope {
        Some(scope) => {
            set(&mut operation, "x-scope", scope.name().into());
            json!([{"token": []}, {}])
        }
        None => json!([]),
    };
    set(&mut operation, "security", security);
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        ParameterKind::Switch => json!({"type": "boolean"}),
        ParameterKind::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        ParameterKind::Text => json!({"type": "string"}),
        ParameterKind::RequiredText => json!({"type": "string", "minLength": 1}),
    };
    let required = parameter.kind == ParameterKind::RequiredText;
    json!({"name": parameter.name, "in": "query", "required": required, "description": parameter.meaning, "schema": schema})
}

fn content(shape: Shape, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let json_of = |schema: Value| [("application/json".to_owned(), json!({"schema": schema}))];
    let text = json!({"schema": {"type": "string"}});
    // A stream has events, each of which has data as the JSON has it.
    let events = ("text/event-stream".to_owned(), json!({"schema": {}}));
    match shape {
        Shape::Empty => Map::new(),
        Shape::Text | Shape::Metrics => [("text/plain".to_owned(), text)].into_iter().collect(),
        Shape::Json => json_of(json!({"type": "object"})).into_iter().collect(),
        Shape::Rows | Shape::Logs => {
            json_of(schema_of::<shapes::Rows>(generator)).into_iter().chain([events]).collect()
        }
        Shape::DeploymentList => {
            json_of(schema_of::<shapes::DeploymentList>(generator)).into_iter().collect()
        }
        Shape::Deployment => json_of(schema_of::<shapes::DeploymentDetail>(generator)).into_iter().collect(),
        Shape::PlanOrDeployment => {
            let either =
                [schema_of::<shapes::Plan>(generator), schema_of::<shapes::DeploymentDetail>(generator)];
            json_of(json!({"anyOf": either})).into_iter().collect()
        }
        Shape::QueryList => json_of(schema_of::<shapes::QueryList>(generator)).into_iter().collect(),
        Shape::Query => json_of(schema_of::<shapes::Query>(generator)).into_iter().collect(),
        Shape::PluginList => json_of(schema_of::<shapes::PluginList>(generator)).into_iter().collect(),
        Shape::Plugin => json_of(schema_of::<shapes::Plugin>(generator)).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_every_reference_leads_somewhere() {
        let document = document();
        let ids: BTreeSet<&str> = ROUTES.iter().map(|route| route.id).collect();
        assert_eq!(ids.len(), ROUTES.len());
        for route in ROUTES {
            let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
            assert_eq!(operation["operationId"], route.id);
            assert!(!operation["responses"].as_object().unwrap().is_empty());
            let busy = operation["responses"]["503"]["$ref"] == "#/components/responses/Busy";
            assert_eq!(busy, route.method != "GET", "{}: only changes are refused", route.path);
        }
        let mut left = vec![&document];
        while let Some(value) = left.pop() {
            match value {
                Value::Object(object) => {
                    if let Some(Value::String(reference)) = object.get("$ref") {
                        let at = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(at).is_some(), "{reference}");
                    }
                    left.extend(object.values());
                }
                Value::Array(values) => left.extend(values),
                _ => {}
            }
        }
    }
}
