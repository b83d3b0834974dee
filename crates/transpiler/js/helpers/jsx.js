// JSX without a library: an element is a plain object `{ type, props, key }`, its children are in `props.children`.
(() => {
	const jsx = (type, props, key) => ({ type, props: props ?? {}, key: key === undefined ? null : `${key}` });
	const createElement = (type, attributes, ...children) => {
		const { key, ...props } = attributes ?? {};
		if (children.length) props.children = children.length === 1 ? children[0] : children;
		return jsx(type, props, key);
	};
	return { jsx, jsxs: jsx, createElement, Fragment: Symbol.for("workers.fragment") };
})()
