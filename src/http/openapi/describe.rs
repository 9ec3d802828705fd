//! What each extractor and each answer means in the document.

use actix_web::HttpRequest;
use actix_web::web::{Data, Payload};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{Document, Operation};
use crate::domain::ids::{
    ChannelId, CommunityId, MessageId, PushSubscriptionId, SessionId, UserId, WebhookId,
};
use crate::domain::secrets::InviteCode;
use crate::http::answer::{Accepted, Created, Done, Found};
use crate::http::extract::{Author, Body, Caller, Device, Path, Query};
use crate::http::problem::Problem;

/// Something a handler takes.
pub(in crate::http) trait Describe {
    /// Adds what it means to an operation.
    fn describe(operation: &mut Operation, document: &mut Document);
}

/// Everything a handler takes.
pub(in crate::http) trait DescribeArguments {
    /// Adds what it means to an operation.
    fn describe(operation: &mut Operation, document: &mut Document);
}

/// What a handler answers.
pub(in crate::http) trait DescribeAnswer {
    /// Adds what it means to an operation.
    fn describe(operation: &mut Operation, document: &mut Document);
}

macro_rules! describe_arguments {
    ($($argument:ident)*) => {
        impl<$($argument: Describe),*> DescribeArguments for ($($argument,)*) {
            fn describe(operation: &mut Operation, document: &mut Document) {
                let _ = (&operation, &document);
                $($argument::describe(operation, document);)*
            }
        }
    };
}

describe_arguments!();
describe_arguments!(A);
describe_arguments!(A B);
describe_arguments!(A B C);
describe_arguments!(A B C D);
describe_arguments!(A B C D E);

impl<T> Describe for Data<T> {
    fn describe(_: &mut Operation, _: &mut Document) {}
}

impl Describe for HttpRequest {
    fn describe(_: &mut Operation, _: &mut Document) {}
}

impl Describe for Payload {
    fn describe(_: &mut Operation, _: &mut Document) {}
}

impl Describe for Caller {
    fn describe(operation: &mut Operation, _: &mut Document) {
        operation.secured = true;
    }
}

impl Describe for Author {
    fn describe(operation: &mut Operation, document: &mut Document) {
        Caller::describe(operation, document);
    }
}

impl Describe for Device {
    fn describe(operation: &mut Operation, document: &mut Document) {
        Caller::describe(operation, document);
    }
}

impl<T: JsonSchema> Describe for Body<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        let schema = document.schema_of_taken::<T>();
        operation.body =
            Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}));
    }
}

impl<T: JsonSchema> Describe for Query<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        let schema = document.taken.root_schema_for::<T>().to_value();
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (name, schema) in properties {
            operation
                .parameters
                .push(json!({"name": name, "in": "query", "required": false, "schema": schema}));
        }
    }
}

/// The types of a path's parameters, in order.
pub(in crate::http) trait PathParameters {
    /// Their schemas.
    fn schemas(document: &mut Document) -> Vec<Value>;
}

macro_rules! one_parameter {
    ($($type:ty),*) => {
        $(impl PathParameters for $type {
            fn schemas(document: &mut Document) -> Vec<Value> {
                vec![document.schema_of_taken::<$type>()]
            }
        })*
    };
}

one_parameter!(
    ChannelId,
    CommunityId,
    InviteCode,
    PushSubscriptionId,
    SessionId,
    String,
    WebhookId
);

macro_rules! two_parameters {
    ($(($first:ty, $second:ty)),*) => {
        $(impl PathParameters for ($first, $second) {
            fn schemas(document: &mut Document) -> Vec<Value> {
                vec![document.schema_of_taken::<$first>(), document.schema_of_taken::<$second>()]
            }
        })*
    };
}

two_parameters!(
    (CommunityId, UserId),
    (ChannelId, UserId),
    (ChannelId, MessageId),
    (ChannelId, String),
    (String, String)
);

impl<T: PathParameters> Describe for Path<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        let template = operation.path.clone();
        let names = template
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for (name, schema) in names.zip(T::schemas(document)) {
            operation
                .parameters
                .push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        }
    }
}

impl<T: DescribeAnswer> DescribeAnswer for Result<T, Problem> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        T::describe(operation, document);
    }
}

impl<T: JsonSchema> DescribeAnswer for Found<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.answers("200", "Here it is", Some(document.schema_of_sent::<T>()));
    }
}

impl<T: JsonSchema> DescribeAnswer for Created<T> {
    fn describe(operation: &mut Operation, document: &mut Document) {
        operation.answers("201", "Made", Some(document.schema_of_sent::<T>()));
    }
}

impl DescribeAnswer for Done {
    fn describe(operation: &mut Operation, _: &mut Document) {
        operation.answers("204", "Done", None);
    }
}

impl DescribeAnswer for Accepted {
    fn describe(operation: &mut Operation, _: &mut Document) {
        operation.answers("202", "It will be done", None);
    }
}

impl Operation {
    /// Adds an answer, with a JSON body of the schema if there is one.
    pub(in crate::http) fn answers(
        &mut self,
        status: &str,
        description: &str,
        schema: Option<Value>,
    ) {
        let mut answer = json!({"description": description});
        if let (Some(schema), Some(fields)) = (schema, answer.as_object_mut()) {
            fields.insert(
                "content".to_owned(),
                json!({"application/json": {"schema": schema}}),
            );
        }
        self.responses.insert(status.to_owned(), answer);
    }

    /// Says that the operation takes a JSON body of a type.
    pub(in crate::http) fn takes<T: JsonSchema>(&mut self, document: &mut Document) {
        <Body<T> as Describe>::describe(self, document);
    }
}
