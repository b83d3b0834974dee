//! Determines whether a namespace exists at run time.

use oxc::ast::ast::{Declaration, Statement, TSNamespaceDeclaration, TSNamespaceDeclarationBody};

/// Returns whether a namespace contains anything but types. Constant enums count, because they are emitted like other
/// enums.
pub(super) fn is_instantiated(namespace: &TSNamespaceDeclaration<'_>) -> bool {
    match &namespace.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => is_instantiated(inner),
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block.body.iter().any(statement),
    }
}

fn statement(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ExportDeclaration(export) => match &export.declaration {
            Declaration::TSImportEqualsDeclaration(alias) => alias.import_kind.is_value(),
            declared => declaration(declared),
        },
        // As in TypeScript, an alias that is not exported does not make a namespace exist.
        Statement::ImportDeclaration(_) | Statement::TSImportEqualsDeclaration(_) => false,
        statement => statement.as_declaration().is_none_or(declaration),
    }
}

fn declaration(declaration: &Declaration<'_>) -> bool {
    match declaration {
        Declaration::TSInterfaceDeclaration(_) | Declaration::TSTypeAliasDeclaration(_) => false,
        Declaration::TSNamespaceDeclaration(inner) => is_instantiated(inner),
        _ => true,
    }
}
