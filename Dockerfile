# One image for every role; the command picks it (see docker-compose.yml):
#   dist/api/server.js · dist/workers/main.js · dist/scripts/prepare.js · dist/scripts/namespace.js

# Debian, not Alpine: Temporal's native core is built for glibc only.
FROM node:22.21.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build \
 && npm prune --omit=dev \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
      ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM node:22.21.1-bookworm-slim
# What packages are processed with: Android tools (with the Java they need) and the virus scanner. What media is fetched
# with: Python for yt-dlp, which a worker brings into its cache, ffmpeg, and a fence around it.
RUN apt-get update \
 && apt-get install -y --no-install-recommends aapt apksigner bubblewrap clamav ffmpeg python3 python3-pip zipalign \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o node -g node /data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production HOST=0.0.0.0 LONGHAUL_DATA=/data LONGHAUL_CACHE=/data/cache
USER node
VOLUME /data
EXPOSE 3000
# Without a shell in between, SIGTERM reaches the process, which then ends in order.
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["dist/api/server.js"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
