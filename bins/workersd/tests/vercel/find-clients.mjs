// A preload that resolves packages in $VERCEL_CLIENTS, where `./just setup-test` has installed them, and not in the
// directories above the importing file.
import { isBuiltin, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const parentURL = pathToFileURL(`${process.env.VERCEL_CLIENTS}/`).href;
const isPackage = (specifier) => /^[@a-z]/.test(specifier) && !specifier.includes(":") && !isBuiltin(specifier);

registerHooks({
  resolve: (specifier, context, next) =>
    context.parentURL?.startsWith(parentURL) || !isPackage(specifier) ? next(specifier, context) : next(specifier, { ...context, parentURL }),
});
