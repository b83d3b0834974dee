/// A CSS module exports its classes by name. That each name is there is for `checks/styles.test.ts` to see.
declare module "*.css";
