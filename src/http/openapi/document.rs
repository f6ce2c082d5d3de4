//! The document: the table of routes, turned into OpenAPI 3.1.
//!
//! Invariants: the same table gives the same octets; every response that declares a body declares its schema.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::example::example;
use super::operation::{Answer, Body, Content, Count, Operation, Sent, members};
use super::parameters::{Parameter, in_path};
use super::schemas;
use crate::http::routes::Routes;

/// Where schemas of types lie.
const SCHEMAS: &str = "/components/schemas";
/// Failures of any request that passes the pipeline, whatever is on its path.
const PIPELINE: [u16; 8] = [401, 403, 406, 413, 429, 500, 503, 504];

/// How the API is configured, as far as the document shows it.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Manner {
    /// Callers bring tokens.
    pub(in crate::http) by_token: bool,
}

struct Builder {
    generator: SchemaGenerator,
    parameters: BTreeMap<&'static str, Value>,
    manner: Manner,
}

/// The document of these routes without its servers, which depend on the request.
pub(super) fn document(tables: &[Routes], manner: Manner) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.contract = Contract::Serialize;
        settings.definitions_path = SCHEMAS.into();
        settings.meta_schema = None;
    });
    let mut builder = Builder { generator: settings.into_generator(), parameters: BTreeMap::new(), manner };
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for (method, path, operation) in tables.iter().flat_map(Routes::operations) {
        let described = builder.operation(&path, operation);
        paths.entry(path).or_default().insert(method.as_str().to_ascii_lowercase(), described);
    }
    builder.finish(&paths)
}

impl Builder {
    fn operation(&mut self, path: &str, operation: Operation) -> Value {
        let piped = path.starts_with("/v2") || path.starts_with("/admin");
        let tag = path
            .split('/')
            .find(|segment| !["", "v2", "admin"].contains(segment) && !segment.starts_with('{'));
        let tag = match path {
            _ if path.contains("/tasks/") => "tasks",
            _ if path.contains("/recordsets") => "recordsets",
            _ if path.contains("/shares") => "shares",
            _ if path.starts_with("/admin") => "admin",
            _ if !piped => "service",
            _ => tag.unwrap_or("service"),
        };
        let Operation { id, summary, mut parameters, body, answers, failures } = operation;
        let mut listed: Vec<Value> = in_path(path).collect();
        let mut failed: BTreeSet<u16> = failures.into_iter().collect();
        if piped {
            failed.extend(PIPELINE);
            if !listed.is_empty() {
                failed.extend([400, 404]);
            }
            parameters.extend([Parameter::AllProjects, Parameter::Sudo]);
            if !self.manner.by_token {
                parameters.extend([
                    Parameter::Claim("X-Auth-User-ID", "User"),
                    Parameter::Claim("X-Auth-Project-ID", "Project"),
                    Parameter::Claim("X-Roles", "Roles"),
                ]);
            }
        }
        listed.extend(parameters.iter().map(|parameter| self.parameter(parameter)));
        let mut responses = Map::new();
        for answer in answers {
            responses.insert(answer.status.to_string(), self.answer(answer, piped));
        }
        for status in failed {
            let status = status.to_string();
            responses
                .entry(status.clone())
                .or_insert_with(|| json!({"$ref": format!("#/components/responses/E{status}")}));
        }
        let mut described = json!({
            "operationId": id, "summary": summary, "tags": [tag], "parameters": listed, "responses": responses,
        });
        if let (Some(body), Value::Object(described)) = (body, &mut described) {
            described.insert("requestBody".to_owned(), self.body(body));
        }
        if let (false, Value::Object(described)) = (piped, &mut described) {
            described.insert("security".to_owned(), json!([]));
        }
        described
    }

    fn parameter(&mut self, parameter: &Parameter) -> Value {
        let Some(name) = parameter.shared() else { return parameter.describe() };
        self.parameters.entry(name).or_insert_with(|| parameter.describe());
        json!({"$ref": format!("#/components/parameters/{name}")})
    }

    fn answer(&mut self, answer: Answer, piped: bool) -> Value {
        let description = match answer.status {
            200 => "What was asked for.",
            201 => "It is made.",
            202 => "Accepted; it is under way.",
            204 => "Done.",
            301 => "It is elsewhere.",
            304 => "It is as it was.",
            _ => "It cannot be sent requests now.",
        };
        let mut described = Map::from_iter([("description".to_owned(), json!(description))]);
        let mut headers = Map::new();
        if piped {
            let request = json!({"$ref": "#/components/headers/RequestId"});
            headers.insert("X-Openstack-Request-Id".to_owned(), request);
        }
        if answer.located {
            headers.insert("Location".to_owned(), json!({"$ref": "#/components/headers/Location"}));
        }
        if !headers.is_empty() {
            described.insert("headers".to_owned(), Value::Object(headers));
        }
        let content: Map<String, Value> = answer
            .content
            .into_iter()
            .map(|(media, content)| (media.to_owned(), self.content(&content)))
            .collect();
        if !content.is_empty() {
            described.insert("content".to_owned(), Value::Object(content));
        }
        Value::Object(described)
    }

    fn content(&mut self, content: &Content) -> Value {
        let schema = match content {
            Content::Text => json!({"type": "string"}),
            Content::Of(make) => make(&mut self.generator).to_value(),
            Content::List { collection, item, count } => {
                let item = item(&mut self.generator).to_value();
                list(collection, &item, *count)
            }
        };
        self.media(&schema)
    }

    fn body(&mut self, body: Body) -> Value {
        let mut content = Map::new();
        for (media, sent) in body.content {
            let schema = match sent {
                Sent::Text => json!({"type": "string"}),
                Sent::Of(make) => make(&mut self.generator).to_value(),
                Sent::Members { of, shape, new, required } => {
                    let whole = of(&mut self.generator);
                    let mut properties = self.properties(&whole);
                    let wanted: BTreeSet<&str> = members(shape, new).collect();
                    properties.retain(|name, _| wanted.contains(name.as_str()));
                    let mut schema =
                        json!({"type": "object", "properties": properties, "additionalProperties": false});
                    if let (false, Value::Object(schema)) = (required.is_empty(), &mut schema) {
                        schema.insert("required".to_owned(), json!(required));
                    }
                    schema
                }
            };
            content.insert(media.to_owned(), self.media(&schema));
        }
        json!({"required": body.required, "content": content})
    }

    /// A schema, and an example made of it if it has JSON.
    fn media(&self, schema: &Value) -> Value {
        let text = schema.get("type").is_some_and(|kind| kind == "string");
        match text {
            true => json!({"schema": schema}),
            false => json!({"schema": schema, "example": example(schema, self.generator.definitions())}),
        }
    }

    /// The properties of a schema, or of that which it refers to.
    fn properties(&self, schema: &Schema) -> Map<String, Value> {
        let own = schema
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|reference| self.generator.definitions().get(reference.rsplit('/').next()?));
        let whole = own.unwrap_or(schema.as_value());
        let properties = whole.get("properties").and_then(Value::as_object);
        properties.cloned().unwrap_or_default()
    }

    fn finish(mut self, paths: &BTreeMap<String, Map<String, Value>>) -> Value {
        let mut definitions = self.generator.take_definitions(true);
        definitions.extend(schemas::errors().map(|(name, schema)| (name.to_owned(), schema)));
        let mut components = json!({
            "schemas": definitions,
            "parameters": self.parameters,
            "responses": failures(),
            "headers": {
                "RequestId": {
                    "description": "The id of the request, which error bodies and the service's log show.",
                    "schema": {"type": "string"},
                },
                "Location": {
                    "description": "Where the thing is.",
                    "schema": {"type": "string", "format": "uri"},
                },
            },
        });
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Ordain",
                "summary": "DNS as a service, as OpenStack Designate's API v2 has it.",
                "description": DESCRIPTION,
                "version": env!("CARGO_PKG_VERSION"),
                "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
            },
            "paths": paths,
        });
        if self.manner.by_token {
            let token = json!({"Token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}});
            if let Value::Object(components) = &mut components {
                components.insert("securitySchemes".to_owned(), token);
            }
        }
        if let Value::Object(document) = &mut document {
            document.insert("components".to_owned(), components);
            if self.manner.by_token {
                document.insert("security".to_owned(), json!([{"Token": []}]));
            }
        }
        document
    }
}

const DESCRIPTION: &str = "Every answer to a request below /v2 or /admin has the header X-Openstack-Request-Id. Request \
bodies are described as clients ought to send them; as in Designate, scalars of another type are converted where that \
is possible (\"300\" is 300), and a member that only the service sets is accepted with the value it has.";

fn list(collection: &str, item: &Value, count: Count) -> Value {
    let mut links = json!({"self": {"type": "string", "format": "uri-reference"}});
    if let (Value::Object(links), true) = (&mut links, count != Count::Unpaged) {
        links.insert("next".to_owned(), json!({"type": "string", "format": "uri-reference"}));
    }
    let mut properties = Map::from_iter([
        (collection.to_owned(), json!({"type": "array", "items": item})),
        ("links".to_owned(), json!({"type": "object", "properties": links, "required": ["self"]})),
    ]);
    let mut required = vec![json!(collection), json!("links")];
    let total = json!({"total_count": {"type": "integer", "minimum": 0, "examples": [1]}});
    if let Count::Told | Count::Wanted = count {
        let mut metadata = json!({"type": "object", "properties": total});
        if let (Count::Told, Value::Object(metadata)) = (count, &mut metadata) {
            metadata.insert("required".to_owned(), json!(["total_count"]));
        }
        properties.insert("metadata".to_owned(), metadata);
        required.push(json!("metadata"));
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// What failures look like, by status.
fn failures() -> Map<String, Value> {
    let json = |name: &str| {
        let reference = format!("#/components/schemas/{name}");
        ("application/json".to_owned(), json!({"schema": {"$ref": reference}}))
    };
    let text = |media: &str| (media.to_owned(), json!({"schema": {"type": "string"}}));
    [
        (400, "The request is malformed, or not possible now.", vec![json("Error")]),
        (401, "The caller did not prove who he is, or has no project.", Vec::new()),
        (403, "A rule says no.", vec![json("Error"), text("text/html")]),
        (404, "It is not there, or not for the caller to see.", vec![json("Error")]),
        (406, "The client takes nothing that there is.", vec![text("text/plain"), text("text/html")]),
        (408, "The body did not arrive in time.", vec![json("Error")]),
        (409, "It is there already.", vec![json("Error")]),
        (412, "It is not any more as the client knew it.", vec![json("Error")]),
        (413, "The body is too large, or a quota is reached.", vec![json("Error"), text("text/plain")]),
        (415, "The body is of a type that is not read here.", vec![json("Error")]),
        (429, "The project has sent too many requests.", vec![json("Error")]),
        (500, "It failed, and not by the client's fault.", vec![json("Error")]),
        (503, "A part of the service is not there, or has too much to do.", vec![json("Error")]),
        (504, "A part of the service did not answer in time.", vec![json("Error")]),
    ]
    .into_iter()
    .map(|(status, description, content)| {
        let mut content = Map::from_iter(content);
        if status == 401 {
            let either =
                ["Unauthorized", "Error"].map(|name| json!({"$ref": format!("#/components/schemas/{name}")}));
            content.insert("application/json".to_owned(), json!({"schema": {"anyOf": either}}));
        }
        (format!("E{status}"), json!({"description": description, "content": content}))
    })
    .collect()
}
