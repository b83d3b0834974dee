// TypeScript's `experimentalDecorators`: applies the decorators of a class or of one of its members, the last one first.
(decorators, target, key, descriptor) => {
	const isMember = key !== undefined;
	let result = !isMember ? target : descriptor === null ? Object.getOwnPropertyDescriptor(target, key) : descriptor;
	for (let index = decorators.length - 1; index >= 0; index--) {
		const decorator = decorators[index];
		if (decorator) result = (isMember ? (result === undefined ? decorator(target, key) : decorator(target, key, result)) : decorator(result)) ?? result;
	}
	if (isMember && result) Object.defineProperty(target, key, result);
	return result;
}
