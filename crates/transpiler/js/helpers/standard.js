// Decorators of the ECMAScript proposal (2023-11): what the code that `compile/decorators/standard.rs` writes calls,
// with what TypeScript 5.9 hands to decorators. One call per evaluation of a class, `standard(name, decorators)`,
// gives an object with these methods; an element is known by its index.
//
//   e  an element: flags, decorators, key, how to reach a private one; gives the key under which the class defines it
//   a  applies all decorators, in the first static block      z  the initialisers of the class, in the last
//   c  the class as its body sees it                          f  the class as it was defined
//   k  the key of an element                                  m  a private method, decorated
//   g  calls a private getter                                 w  calls a private setter
//   i  the first value of a field or accessor                 x  the initialisers that were added for it
//   n  the initialisers that were added for methods           d  defines a static field on the class
//   v  runs the code of a static element on the class         s  the object that has the private static elements
//   t  what `this` is in a private static element
(() => {
	const KINDS = ["method", "getter", "setter", "field", "accessor"];
	const STATIC = 8;
	const PRIVATE = 16;
	const DETACHED = 32;
	const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys, deleteProperty } = Reflect;
	const keyOf = (key) => ownKeys({ __proto__: null, [key]: 0 })[0];
	const nameOf = (key) => {
		if (typeof key !== "symbol") return key;
		return key.description === undefined ? "" : `[${key.description}]`;
	};
	const run = (functions, self) => {
		for (let index = 0; index < functions.length; index++) apply(functions[index], self, []);
	};
	const checked = (value) => {
		if (value !== undefined && typeof value !== "function") throw new TypeError("Function expected");
		return value;
	};
	const rename = (value, name) => defineProperty(value, "name", { value: name, configurable: true });
	const define = (object, key, value) =>
		defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true });

	const publicly = (key) => ({
		has: (object) => key in object,
		get: (object) => object[key],
		set: (object, value) => {
			object[key] = value;
		},
	});

	const standard = (name, classDecorators) => {
		const elements = [];
		const classExtra = [];
		const staticExtra = [];
		const instanceExtra = [];
		let defined;
		let replaced;
		let isReady = false;
		let metadata;

		// Calls one decorator after the other, the last one first.
		const decorate = (decorators, context, access, extra, valueOf, accept) => {
			for (let i = decorators.length - 1; i >= 0; i--) {
				let isDone = false;
				const own = { ...context };
				if (access) own.access = { ...access };
				own.metadata = metadata;
				own.addInitializer = (initializer) => {
					if (isDone) throw new TypeError("Cannot add initializers after decoration has completed");
					if (typeof initializer !== "function") throw new TypeError("Function expected");
					extra[extra.length] = initializer;
				};
				const result = (0, decorators[i])(valueOf(), own);
				isDone = true;
				accept(result);
			}
		};

		const decorateElement = (element) => {
			const { kind, isStatic, isPrivate, key, decorators, inits } = element;
			const home = isStatic ? defined : defined.prototype;
			const isField = kind === "field";
			const descriptor = isField ? undefined : getOwnPropertyDescriptor(home, element.slot);
			if (element.slot !== key) deleteProperty(isField ? defined : home, element.slot);
			if (isPrivate && descriptor) {
				if (kind === "method") rename(descriptor.value, key);
				if (kind === "getter" || kind === "accessor") rename(descriptor.get, `get ${key}`);
				if (kind === "setter" || kind === "accessor") rename(descriptor.set, `set ${key}`);
			}
			const reach = isPrivate ? element : publicly(key);
			const access = { has: reach.has };
			if (kind !== "setter") access.get = reach.get;
			if (kind !== "getter" && kind !== "method") access.set = reach.set;
			const part = { method: "value", getter: "get", setter: "set" }[kind];
			const valueOf = () => (isField ? undefined : part ? descriptor[part] : { get: descriptor.get, set: descriptor.set });
			const accept = (result) => {
				if (kind !== "accessor") {
					if (checked(result) === undefined) return;
					if (isField) inits.unshift(result);
					else descriptor[part] = result;
				} else if (result !== undefined) {
					if (result === null || typeof result !== "object") throw new TypeError("Object expected");
					const { get, set, init } = result;
					descriptor.get = checked(get) ?? descriptor.get;
					descriptor.set = checked(set) ?? descriptor.set;
					if (checked(init) !== undefined) inits.unshift(init);
				}
			};
			const context = { kind, name: key, static: isStatic, private: isPrivate };
			const extra = isField || kind === "accessor" ? element.extra : isStatic ? staticExtra : instanceExtra;
			decorate(decorators, context, access, extra, valueOf, accept);
			if (isPrivate) element.descriptor = descriptor;
			else if (descriptor && decorators.length) defineProperty(home, key, descriptor);
		};

		return {
			e(flags, decorators, key, has, get, set) {
				const isPrivate = (flags & PRIVATE) !== 0;
				const element = { kind: KINDS[flags & 7], isStatic: (flags & STATIC) !== 0, isPrivate, decorators, has, get, set };
				element.key = isPrivate ? key : keyOf(key);
				element.slot = isPrivate || flags & DETACHED ? Symbol() : element.key;
				element.inits = [];
				element.extra = [];
				elements[elements.length] = element;
				return element.slot;
			},
			a(constructor, isDerived) {
				defined = constructor;
				if (Symbol.metadata) {
					const parent = isDerived ? Object.getPrototypeOf(defined)?.[Symbol.metadata] : undefined;
					metadata = Object.create(parent ?? null);
				}
				for (const isField of [false, true]) {
					for (const isStatic of [true, false]) {
						for (const element of elements) {
							if ((element.kind === "field") === isField && element.isStatic === isStatic) decorateElement(element);
						}
					}
				}
				let current = defined;
				if (classDecorators) {
					const accept = (result) => {
						current = checked(result) ?? current;
					};
					decorate(classDecorators, { kind: "class", name: nameOf(name) }, undefined, classExtra, () => current, accept);
				}
				if (metadata) define(current, Symbol.metadata, metadata);
				replaced = current;
				isReady = true;
				run(staticExtra, replaced);
			},
			z: () => run(classExtra, replaced),
			get c() {
				if (!isReady) throw new ReferenceError(`Cannot access '${nameOf(name)}' before initialization`);
				return replaced;
			},
			get f() {
				return defined;
			},
			k: (index) => elements[index].slot,
			m: (index) => elements[index].descriptor.value,
			g: (index, self) => apply(elements[index].descriptor.get, self, []),
			w: (index, self, value) => {
				apply(elements[index].descriptor.set, self, [value]);
			},
			i(index, self, value) {
				for (const init of elements[index].inits) value = apply(init, self, [value]);
				return value;
			},
			x: (index, self) => run(elements[index].extra, self),
			n: (self) => run(instanceExtra, self),
			d(index, value) {
				const { key } = elements[index];
				if (!define(replaced, key, value)) throw new TypeError(`Cannot redefine property: ${nameOf(key)}`);
			},
			v(code) {
				rename(code, "<static_initializer>");
				return apply(code, replaced, []);
			},
			s: (object) => (object === replaced ? defined : object),
			t: (self) => (self === defined ? replaced : self),
		};
	};
	// A decorator that is a property of an object is called on that object.
	standard.bind = (object, decorator) =>
		typeof decorator === "function" ? (value, context) => apply(decorator, object, [value, context]) : decorator;
	standard.key = keyOf;
	return standard;
})()
