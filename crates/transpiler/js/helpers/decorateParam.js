// Makes a decorator of a member out of a decorator of one of its parameters.
(index, decorator) => (target, key) => {
	decorator(target, key, index);
}
