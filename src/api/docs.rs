//! `docs/api.md`, made from the CRD, so that the docs, `kubectl explain` and the rules never differ. Compiled for tests only: one of
//! them compares the page with this.

use std::iter;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps,
    JSONSchemaPropsOrArray,
};

use super::{FINALIZER, PENDING_OPERATION, RECONCILE_REQUESTED_AT, crd, generated};

/// The reference of the resource, in Markdown.
fn markdown() -> String {
    let crd = crd::crd();
    let mut lines = Vec::new();
    for version in &crd.spec.versions {
        let schema = version.schema.as_ref();
        if let Some(root) = schema.and_then(|schema| schema.open_api_v3_schema.as_ref()) {
            lines.push(head(&crd, &version.name, root));
            lines.extend(section(root, "spec"));
            lines.extend(section(root, "status"));
        }
        lines.extend(columns(
            version
                .additional_printer_columns
                .as_deref()
                .unwrap_or_default(),
        ));
    }
    lines.push(metadata());
    lines.join("\n")
}

fn head(crd: &CustomResourceDefinition, version: &str, root: &JSONSchemaProps) -> String {
    let names = &crd.spec.names;
    format!(
        "<!-- Generated from the CustomResourceDefinition. Do not edit. -->\n\n# {kind}\n\n{description}\n\n\
         `apiVersion: {group}/{version}`, `kind: {kind}`, {scope}; short name {short_names}, categories {categories}.",
        kind = names.kind,
        description = describe(root),
        group = crd.spec.group,
        scope = crd.spec.scope.to_lowercase(),
        short_names = code_list(names.short_names.as_deref().unwrap_or_default()),
        categories = code_list(names.categories.as_deref().unwrap_or_default()),
    )
}

fn section(root: &JSONSchemaProps, name: &str) -> Vec<String> {
    let Some(schema) = root
        .properties
        .as_ref()
        .and_then(|properties| properties.get(name))
    else {
        return Vec::new();
    };
    let mut lines = vec![format!("\n## {name}\n\n{}\n", describe(schema))];
    lines.extend(messages(schema).map(|message| format!("Rule: {message}.\n")));
    lines.push("| Field | Type | Description |\n|---|---|---|".to_owned());
    lines.extend(rows(schema, ""));
    lines
}

/// One row for each field below; required ones first, then by name.
fn rows(schema: &JSONSchemaProps, prefix: &str) -> Vec<String> {
    let required = schema.required.as_deref().unwrap_or_default();
    let mut fields: Vec<_> = schema.properties.iter().flatten().collect();
    fields.sort_by_key(|(name, _)| (!required.contains(name), *name));
    fields
        .into_iter()
        .flat_map(|(name, field)| {
            let mut remarks = vec![describe(field)];
            remarks.extend(required.contains(name).then(|| "Required.".to_owned()));
            remarks.extend(bounds(field));
            remarks.extend(messages(field).map(|message| format!("Rule: {message}.")));
            let remarks = remarks.join("<br>").replace('|', "\\|");
            let mut lines = vec![format!(
                "| `{prefix}{name}` | {} | {remarks} |",
                type_of(field)
            )];
            lines.extend(match items(field) {
                Some(items) => rows(items, &format!("{prefix}{name}[].")),
                None => rows(field, &format!("{prefix}{name}.")),
            });
            lines
        })
        .collect()
}

fn describe(schema: &JSONSchemaProps) -> String {
    schema.description.clone().unwrap_or_default()
}

fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    }
}

fn type_of(schema: &JSONSchemaProps) -> String {
    let own = schema.type_.clone().unwrap_or_default();
    match items(schema) {
        Some(items) => format!("{own} of {}", type_of(items)),
        None => own,
    }
}

/// The words, lengths and counts that the API server accepts.
fn bounds(schema: &JSONSchemaProps) -> Vec<String> {
    let words = items(schema).unwrap_or(schema).enum_.iter().flatten();
    let words: Vec<_> = words.filter_map(|word| word.0.as_str()).collect();
    let one_of = (!words.is_empty()).then(|| format!("One of {}.", code_list(&words)));
    let length = range(schema.min_length, schema.max_length, "characters");
    let count = range(schema.min_items, schema.max_items, "items");
    [one_of, length, count].into_iter().flatten().collect()
}

fn range(min: Option<i64>, max: Option<i64>, unit: &str) -> Option<String> {
    match (min, max) {
        (Some(min), Some(max)) => Some(format!("{min} to {max} {unit}.")),
        (None, Some(max)) => Some(format!("At most {max} {unit}.")),
        (Some(min), None) => Some(format!("At least {min} {unit}.")),
        (None, None) => None,
    }
}

/// What the API server answers when a rule is broken.
fn messages(schema: &JSONSchemaProps) -> impl Iterator<Item = &String> {
    schema
        .x_kubernetes_validations
        .iter()
        .flatten()
        .filter_map(|rule| rule.message.as_ref())
}

fn columns(columns: &[CustomResourceColumnDefinition]) -> Vec<String> {
    let head =
        "\n## Columns of `kubectl get`\n\n| Column | Shows | With |\n|---|---|---|".to_owned();
    let rows = columns.iter().map(|column| {
        let with = if column.priority.unwrap_or_default() > 0 {
            "`-o wide`"
        } else {
            ""
        };
        format!("| {} | `{}` | {with} |", column.name, column.json_path)
    });
    iter::once(head).chain(rows).collect()
}

fn metadata() -> String {
    format!(
        "\n## Annotations and finalizer\n\n| Name | Meaning |\n|---|---|\n\
         | annotation `{RECONCILE_REQUESTED_AT}` | Set it to any new token to ask for a look at the cloud now; `status.lastHandledReconcileAt` holds the token once that look is answered. |\n\
         | annotation `{PENDING_OPERATION}` | The operator's own record of a create under way. Leave it alone: it is what keeps a create from being made twice. |\n\
         | finalizer `{FINALIZER}` | Holds the object until its remote callback is deleted or let go. |\n"
    )
}

fn code_list(words: &[impl AsRef<str>]) -> String {
    let words: Vec<_> = words
        .iter()
        .map(|word| format!("`{}`", word.as_ref()))
        .collect();
    words.join(", ")
}

#[test]
fn the_page_is_current() {
    generated::assert_current("docs/api.md", &markdown());
}

#[test]
fn every_field_has_a_row() {
    let page = markdown();
    for field in [
        "publishDomain",
        "signKeySecretRef.key",
        "conditions[].lastTransitionTime",
    ] {
        assert!(
            page.contains(&format!("\n| `{field}` |")),
            "{field} has no row"
        );
    }
}
