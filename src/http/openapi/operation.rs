//! What the document says of one operation.
//!
//! Invariants: schemas are made of the types that are rendered and of the shapes that bodies are read by; every status that
//! the pipeline may answer for any request is added to each operation that passes it.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::parameters::Parameter;
use crate::http::shape::{Access, Shape};

/// Makes a schema, and those that it refers to.
type Make = fn(&mut SchemaGenerator) -> Schema;

/// What is said of an operation.
pub(in crate::http) struct Operation {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) failures: Vec<u16>,
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) located: bool,
    pub(super) content: Vec<(&'static str, Content)>,
}

/// What a body looks like.
pub(super) enum Content {
    /// As a type is rendered.
    Of(Make),
    /// A page of a list.
    List { collection: &'static str, item: Make, count: Count },
    /// Any text.
    Text,
}

/// Whether a list tells how many match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Count {
    /// It does not.
    Untold,
    /// It does.
    Told,
    /// It does, unless the client does not want to know.
    Wanted,
    /// It has neither count nor pages.
    Unpaged,
}

/// What a client sends.
pub(in crate::http) struct Body {
    pub(super) content: Vec<(&'static str, Sent)>,
    pub(super) required: bool,
}

/// One way to send it.
pub(super) enum Sent {
    /// The members of a shape that a client may give, each as the type `of` renders it.
    Members { of: Make, shape: &'static Shape, new: bool, required: &'static [&'static str] },
    /// As a type is read.
    Of(Make),
    /// Any text.
    Text,
}

fn make<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Operation {
    /// An operation that passes the pipeline.
    pub(in crate::http) const fn new(id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, parameters: Vec::new(), body: None, answers: Vec::new(), failures: Vec::new() }
    }

    /// It answers a thing as `T` is rendered.
    pub(in crate::http) fn answers<T: JsonSchema>(self, status: u16) -> Self {
        self.answer(status, vec![("application/json", Content::Of(make::<T>))])
    }

    /// It answers nothing but a status.
    pub(in crate::http) fn done(self, status: u16) -> Self {
        self.answer(status, Vec::new())
    }

    /// It answers a text of some type.
    pub(in crate::http) fn text(self, status: u16, media: &'static str) -> Self {
        self.add(status, media, Content::Text)
    }

    /// It answers a page of a list.
    pub(in crate::http) fn lists<T: JsonSchema>(self, collection: &'static str, count: Count) -> Self {
        let content = Content::List { collection, item: make::<T>, count };
        let mut list = self.answer(200, vec![("application/json", content)]);
        if count != Count::Unpaged {
            list.parameters.extend([Parameter::Limit, Parameter::Marker, Parameter::SortDirection]);
            list.failures.push(400);
        }
        if count == Count::Wanted {
            list.parameters.push(Parameter::HideCounts);
        }
        list
    }

    /// The items of the list are numbered, and its marker is a number.
    pub(in crate::http) fn numbered(mut self) -> Self {
        self.parameters.retain(|parameter| *parameter != Parameter::Marker);
        self.with(Parameter::Number)
    }

    /// The last answer says where the new thing is.
    pub(in crate::http) fn located(mut self) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.located = true;
        }
        self
    }

    /// The list can be sorted by these keys.
    pub(in crate::http) fn sorted<K>(mut self, keys: &[(&'static str, K)]) -> Self {
        self.parameters.push(Parameter::SortKey(keys.iter().map(|(name, _)| *name).collect()));
        self
    }

    /// The list can be filtered by these members.
    pub(in crate::http) fn filtered(mut self, names: &[&'static str]) -> Self {
        self.parameters.extend(names.iter().map(|name| Parameter::Filter(name)));
        self
    }

    /// It takes a body.
    pub(in crate::http) fn takes(mut self, body: Body) -> Self {
        self.failures.extend([400, 408, 413, 415]);
        self.body = Some(body);
        self
    }

    /// It takes this header or query item.
    pub(in crate::http) fn with(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// It may be refused in these ways, too.
    pub(in crate::http) fn fails(mut self, statuses: &[u16]) -> Self {
        self.failures.extend(statuses);
        self
    }

    /// The same as JSON, as `T` is rendered.
    pub(in crate::http) fn or<T: JsonSchema>(self, status: u16) -> Self {
        self.add(status, "application/json", Content::Of(make::<T>))
    }

    fn add(mut self, status: u16, media: &'static str, content: Content) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => {
                answer.content.push((media, content));
                self
            }
            None => self.answer(status, vec![(media, content)]),
        }
    }

    fn answer(mut self, status: u16, content: Vec<(&'static str, Content)>) -> Self {
        self.answers.push(Answer { status, located: false, content });
        self
    }
}

impl Body {
    /// A new thing: the members of `shape` that a client may set, each as `T` renders it.
    pub(in crate::http) fn new<T: JsonSchema>(
        shape: &'static Shape,
        required: &'static [&'static str],
    ) -> Self {
        Self::json(Sent::Members { of: make::<T>, shape, new: true, required })
    }

    /// Changes of a thing: the members of `shape` that may change.
    pub(in crate::http) fn changes<T: JsonSchema>(shape: &'static Shape) -> Self {
        Self::json(Sent::Members { of: make::<T>, shape, new: false, required: &[] })
    }

    /// A JSON object as `T` is read.
    pub(in crate::http) fn of<T: JsonSchema>() -> Self {
        Self::json(Sent::Of(make::<T>))
    }

    /// Or a text of some type.
    pub(in crate::http) fn or_text(mut self, media: &'static str) -> Self {
        self.content.push((media, Sent::Text));
        self
    }

    /// It may be left out.
    pub(in crate::http) const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    fn json(sent: Sent) -> Self {
        Self { content: vec![("application/json", sent)], required: true }
    }
}

/// The members of `shape` that a client may give for a new thing, or change.
pub(super) fn members(shape: &Shape, new: bool) -> impl Iterator<Item = &'static str> {
    let wanted = move |access: Access| access == Access::Write || (new && access == Access::Immutable);
    shape.members.iter().filter(move |(_, access)| wanted(*access)).map(|(name, _)| *name)
}
