/// The functions that a module exports, read from the editor's syntax tree while it is being written. Only the
/// platform's compiler finds all: a constant that holds a function made elsewhere is missed here, and found there.

import type { Text } from "@codemirror/state";
import type { SyntaxNode, Tree } from "@lezer/common";

export function exportedFunctions(tree: Tree, doc: Text): readonly string[] {
  const text = (node: SyntaxNode) => doc.sliceString(node.from, node.to);
  const names = new Set<string>();
  const local = new Map<string, boolean>();
  const exported: [local: string, name: string][] = [];
  for (let node = tree.topNode.firstChild; node; node = node.nextSibling) {
    const declaration = node.name === "ExportDeclaration" ? declarationIn(node) : node;
    for (const [name, isFunction] of declaration ? declared(declaration, text) : []) {
      local.set(name, isFunction);
      if (isFunction && node.name === "ExportDeclaration" && !node.getChild("default")) {
        names.add(name);
      }
    }
    if (node.name === "ExportDeclaration") {
      if (node.getChild("default") && isDefaultFunction(node, text, local)) {
        names.add("default");
      }
      const group = node.getChild("ExportGroup");
      if (group && !node.getChild("type")) {
        exported.push(...pairs(group, text));
      }
    }
  }
  for (const [from, name] of exported) {
    // What is not declared here comes from an import, and may be a function.
    if (local.get(from) ?? true) {
      names.add(name);
    }
  }
  return [...names];
}

const FUNCTIONS = new Set(["ArrowFunction", "FunctionExpression"]);

function declarationIn(node: SyntaxNode): SyntaxNode | null {
  return node.getChild("FunctionDeclaration") ?? node.getChild("VariableDeclaration");
}

function* declared(node: SyntaxNode, text: (node: SyntaxNode) => string): Generator<[string, boolean]> {
  if (node.name === "FunctionDeclaration") {
    const name = node.getChild("VariableDefinition");
    if (name) {
      yield [text(name), !isGenerator(node)];
    }
    return;
  }
  if (node.name === "ClassDeclaration" || node.name === "EnumDeclaration") {
    const name = node.getChild("VariableDefinition") ?? node.getChild("TypeDefinition");
    if (name) {
      yield [text(name), false];
    }
    return;
  }
  if (node.name !== "VariableDeclaration") {
    return;
  }
  for (const name of node.getChildren("VariableDefinition")) {
    let value: SyntaxNode | null = name.nextSibling;
    while (value && value.name !== "Equals" && value.name !== ",") {
      value = value.nextSibling;
    }
    const initial = value?.name === "Equals" ? value.nextSibling : null;
    yield [text(name), initial !== null && FUNCTIONS.has(initial.name) && !isGenerator(initial)];
  }
}

function isDefaultFunction(node: SyntaxNode, text: (node: SyntaxNode) => string, local: Map<string, boolean>): boolean {
  const value = node.getChild("default")?.nextSibling;
  if (!value) {
    return false;
  }
  if (value.name === "VariableName") {
    return local.get(text(value)) ?? true;
  }
  return (FUNCTIONS.has(value.name) || value.name === "FunctionDeclaration") && !isGenerator(value);
}

function isGenerator(node: SyntaxNode): boolean {
  return node.getChild("Star") !== null;
}

/** `{ a, b as c }` as pairs of the local and the exported name. */
function* pairs(group: SyntaxNode, text: (node: SyntaxNode) => string): Generator<[string, string]> {
  let names: string[] = [];
  const end = (): [string, string] | null => {
    const [from, name = from] = names;
    names = [];
    return from && name ? [from, name.replace(/^["']|["']$/g, "")] : null;
  };
  for (let node = group.firstChild; node; node = node.nextSibling) {
    if (node.name === "VariableName" || node.name === "VariableDefinition" || node.name === "String") {
      names.push(text(node));
    } else if (node.name === ",") {
      const pair = end();
      if (pair) {
        yield pair;
      }
    }
  }
  const pair = end();
  if (pair) {
    yield pair;
  }
}
