// Imports of the modules that are part of Node.js.

/** What `import * as x` gives: every export as it is at the moment, and nothing can be added. */
const namespaceOf = (module) => {
	const namespace = create(null, { [toStringTag]: { value: "Module" } });
	const names = keys(module).filter((key) => key !== "default");
	// A module namespace has its keys in this order.
	for (const key of [...names, "default"].sort()) {
		defineProperty(namespace, key, { enumerable: true, get: () => (key === "default" ? module : module[key]) });
	}
	return Object.preventExtensions(namespace);
};

/** The module, or the part of it that `names` asks for. */
const load = (specifier, names) => {
	const module = builtin(specifier);
	if (module === undefined) throw new TypeError(`No such built-in module: ${specifier}`);
	if (!names) return namespaceOf(module);
	const bindings = create(null);
	for (const name of names) {
		if (name === "default") bindings.default = module;
		else if (objectPrototype.propertyIsEnumerable.call(module, name)) bindings[name] = module[name];
		else throw new SyntaxError(`The requested module '${specifier}' does not provide an export named '${name}'`);
	}
	return bindings;
};

/** The `require` of a bundle that has its modules of the older kind ask for one. */
const makeRequire = () => builtin("module").createRequire(config.url);

/** An anonymous default export is called `default`. */
const rename = (target) => defineProperty(target, "name", { value: "default", configurable: true });
