# syntax=docker/dockerfile:1
# The runner: `riacho run FILE` with this repository's packages, connectors and examples. Files of one's own are mounted below /app, where they find the packages.
FROM node:24.21.0-bookworm-slim AS install
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY packages packages
COPY connectors connectors
COPY examples examples
RUN npm install --global pnpm@12.21.0 \
  && pnpm install --frozen-lockfile --prod \
  && rm -rf node_modules/node-linux-* node_modules/.pnpm/node-linux-* \
  && find packages connectors examples -name '*.test.ts' -delete

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production \
    RIACHO_HTTP_HOST=0.0.0.0 \
    RIACHO_HTTP_PORT=9095
WORKDIR /app
COPY --from=install --chown=root:root /app ./
# The only folder that is written to: data of the embedded broker, state in files. Everything else may be read-only.
RUN mkdir /data && chown node:node /data
VOLUME /data
USER 1000:1000
EXPOSE 9095
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.RIACHO_HTTP_PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "packages/riacho/src/main.ts"]
CMD ["--help"]
