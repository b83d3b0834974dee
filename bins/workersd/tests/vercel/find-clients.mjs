// A preload: packages are looked for where `./just setup-test` has installed them, $VERCEL_CLIENTS, and not above the file that imports them.
import { isBuiltin, registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

const parentURL = pathToFileURL(`${process.env.VERCEL_CLIENTS}/`).href;
const isPackage = (specifier) => /^[@a-z]/.test(specifier) && !specifier.includes(":") && !isBuiltin(specifier);

registerHooks({
  resolve: (specifier, context, next) =>
    context.parentURL?.startsWith(parentURL) || !isPackage(specifier) ? next(specifier, context) : next(specifier, { ...context, parentURL }),
});
