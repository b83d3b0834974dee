// TypeScript's `experimentalDecorators`: applies the decorators of a class, or of one of its members, the last one
// first. A library such as `reflect-metadata` may bring a `Reflect.decorate` that does it instead.
(decorators, target, ...member) => {
	const [key, given] = member;
	const isMember = member.length > 0;
	const descriptor = isMember && given === null ? Object.getOwnPropertyDescriptor(target, key) : given;
	let result = isMember ? descriptor : target;
	if (typeof Reflect === "object" && typeof Reflect.decorate === "function") {
		result = Reflect.decorate(decorators, target, key, descriptor);
	} else {
		for (let index = decorators.length - 1; index >= 0; index--) {
			const d = decorators[index];
			if (d) result = (isMember ? d(target, key, result) : d(result)) || result;
		}
	}
	if (isMember && result) Object.defineProperty(target, key, result);
	return result;
}
