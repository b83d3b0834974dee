// Type metadata, for those who brought the library that keeps it.
(key, value) => (typeof Reflect.metadata === "function" ? Reflect.metadata(key, value) : undefined)
