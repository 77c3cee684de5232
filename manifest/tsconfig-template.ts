/**
 * The `tsconfig.json` of an integrations folder: written by `nango init`, and used for the type check of a folder that
 * has none. It finds nothing outside the folder (`types: []`), because the sandbox offers nothing else either.
 *
 * `strict` is off for the scripts of the old documentation: with null checks but without implicit `any`, their
 * `let page = null` can hold nothing but null, and their helpers leave parameters untyped. It is on in new projects
 * without `nango.yaml`, which no such scripts are in.
 */
export const TSCONFIG_TEXT = `{
  "compilerOptions": {
    "target": "es2022",
    "lib": ["es2024"],
    "module": "esnext",
    "moduleResolution": "bundler",
    "types": [],
    "strict": false,
    "noImplicitAny": false,
    "strictNullChecks": false,
    "resolveJsonModule": true,
    "forceConsistentCasingInFileNames": true,
    "skipLibCheck": true,
    "noEmit": true
  },
  "include": ["**/*.ts"],
  "exclude": ["node_modules", "dist", "build", "**/tests", "**/mocks", "**/*.test.ts"]
}
`;

export const STRICT_TSCONFIG_TEXT = TSCONFIG_TEXT.replace(
  /"strict": false,[\s\S]*?"strictNullChecks": false,/,
  '"strict": true,',
);
