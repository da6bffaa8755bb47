import type { FailureClass } from "../../domain/downloads/failures.ts";

/** What yt-dlp has really written, and what it meant: a code and what may be done. */
export const SAMPLES: readonly (readonly [said: string, code: string, kind: FailureClass])[] = [
  [
    "ERROR: [generic] s200: Unable to download webpage: HTTP Error 407: Proxy Authentication Required (caused by <HTTPError 407: Proxy Authentication Required>)",
    "downloads/proxy-refused",
    "proxy",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: ('Unable to connect to proxy', OSError('Tunnel connection failed: 407 Proxy Authentication Required')) (caused by ProxyError(\"('Unable to connect to proxy', OSError('Tunnel connection failed: 407 Proxy Authentication Required'))\")); please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue template. Confirm you are on the latest version using  yt-dlp -U",
    "downloads/proxy-refused",
    "proxy",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: ('Unable to connect to proxy', NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: [Errno 111] Connection refused\")) (caused by ProxyError('(\\'Unable to connect to proxy\\', NewConnectionError(\"HTTPConnection(host=\\'127.0.0.1\\', port=9): Failed to establish a new connection: [Errno 111] Connection refused\"))'))",
    "downloads/proxy-away",
    "proxy",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: ('Unable to connect to proxy', OSError('Tunnel connection failed: 502 Bad Gateway')) (caused by ProxyError(\"('Unable to connect to proxy', OSError('Tunnel connection failed: 502 Bad Gateway'))\"))",
    "downloads/proxy-away",
    "proxy",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: SocksHTTPConnection(host='127.0.0.1', port=18081): Failed to establish a new connection: [Errno 111] Connection refused (caused by TransportError(\"SocksHTTPConnection(host='127.0.0.1', port=18081): Failed to establish a new connection: [Errno 111] Connection refused\"))",
    "downloads/proxy-away",
    "proxy",
  ],
  [
    "ERROR: [youtube] tJ51nR4-tLs: Sign in to confirm you’re not a bot. This helps protect our community. Learn more",
    "downloads/blocked",
    "blocked",
  ],
  [
    "ERROR: [youtube] tpUr8xVxj-w: Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies for the authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies.",
    "downloads/blocked",
    "blocked",
  ],
  [
    'ERROR: [generic] Got HTTP Error 403 caused by Cloudflare anti-bot challenge; try again with  --extractor-args "generic:impersonate"',
    "downloads/blocked",
    "blocked",
  ],
  [
    "ERROR: [generic] s403: Unable to download webpage: HTTP Error 403: Forbidden (caused by <HTTPError 403: Forbidden>)",
    "downloads/blocked",
    "blocked",
  ],
  [
    "ERROR: unable to download video data: HTTP Error 403: Forbidden",
    "downloads/blocked",
    "blocked",
  ],
  [
    "ERROR: [generic] s429: Unable to download webpage: HTTP Error 429: Too Many Requests (caused by <HTTPError 429: Too Many Requests>)",
    "downloads/rate-limited",
    "rate-limited",
  ],
  [
    "ERROR: [youtube] dQw4w9WgXcQ: Video unavailable. This content isn't available, try again later. The current session has been rate-limited by YouTube for up to an hour.",
    "downloads/rate-limited",
    "rate-limited",
  ],
  [
    "ERROR: [Instagram] CdZ1aWFgWUK: Requested content is not available, rate-limit reached or login required. Use --cookies, --cookies-from-browser, --username and --password, --netrc-cmd, or --netrc (instagram) to provide account credentials.",
    "downloads/rate-limited",
    "rate-limited",
  ],
  [
    "ERROR: [youtube] 9p8pSGhDwxw: Private video. Sign in if you've been granted access to this video. Use --cookies-from-browser or --cookies for the authentication.",
    "downloads/source-private",
    "terminal",
  ],
  [
    "ERROR: [youtube] 6kLq3WMV1nU: Sign in to confirm your age. This video may be inappropriate for some users. Use --cookies-from-browser or --cookies for the authentication.",
    "downloads/age-restricted",
    "needs-cookie",
  ],
  [
    "ERROR: [youtube] 6SJNVb0GnPI: Video unavailable. This video has been removed for violating YouTube's Terms of Service",
    "downloads/source-removed",
    "terminal",
  ],
  [
    "ERROR: [youtube] xFM1Rq6oG6c: Video unavailable. This video is no longer available due to a copyright claim by the owner",
    "downloads/source-removed",
    "terminal",
  ],
  [
    "ERROR: [youtube] 8vcZ-rWvTWk: Video unavailable. The uploader has not made this video available in your country",
    "downloads/geo-blocked",
    "terminal",
  ],
  [
    "ERROR: [bbc.co.uk] p00t1234: This video is not available from your location due to geo restriction. You might want to use a VPN or a proxy server (with --proxy) to workaround.",
    "downloads/geo-blocked",
    "terminal",
  ],
  [
    "ERROR: [generic] s451: Unable to download webpage: HTTP Error 451: Unavailable For Legal Reasons (caused by <HTTPError 451: Unavailable For Legal Reasons>)",
    "downloads/geo-blocked",
    "terminal",
  ],
  [
    "ERROR: [youtube] 5qap5aO4i9A: Join this channel to get access to members-only content like this video, and other exclusive perks.",
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [
    "ERROR: [vimeo] 76979871: The web client only works when logged-in. Use --cookies, --cookies-from-browser, --username and --password to provide account credentials",
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [
    "ERROR: [BiliBili] 1xx411c7mD: This video is only available for registered users. Use --cookies-from-browser or --cookies for the authentication.",
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [
    "ERROR: [generic] s401: Unable to download webpage: HTTP Error 401: Unauthorized (caused by <HTTPError 401: Unauthorized>)",
    "downloads/needs-cookie",
    "needs-cookie",
  ],
  [
    "ERROR: [DRM] The requested site is known to use DRM protection. It will NOT be supported.",
    "downloads/protected",
    "terminal",
  ],
  ["ERROR: [svtplay] 1376446: This video is DRM protected", "downloads/protected", "terminal"],
  [
    "ERROR: [youtube] 21X5lGlDOfg: This live event will begin in 3 hours.",
    "downloads/not-yet",
    "terminal",
  ],
  [
    "ERROR: [twitch:stream] somebody: The channel is not currently live",
    "downloads/not-yet",
    "terminal",
  ],
  [
    "ERROR: [generic] big: Requested format is not available. Use --list-formats for a list of available formats",
    "downloads/format-missing",
    "terminal",
  ],
  ["ERROR: [youtube] aaaaaaaaaaa: Video unavailable", "downloads/source-gone", "terminal"],
  [
    "ERROR: [youtube] BaW_jenozKc: Video unavailable. This video is no longer available because the YouTube account associated with this video has been terminated.",
    "downloads/source-gone",
    "terminal",
  ],
  [
    "ERROR: [generic] s404: Unable to download webpage: HTTP Error 404: Not Found (caused by <HTTPError 404: Not Found>)",
    "downloads/source-gone",
    "terminal",
  ],
  [
    "ERROR: [generic] s410: Unable to download webpage: HTTP Error 410: Gone (caused by <HTTPError 410: Gone>)",
    "downloads/source-gone",
    "terminal",
  ],
  ["ERROR: Unsupported URL: http://127.0.0.1:18081/page", "downloads/unsupported", "terminal"],
  [
    "ERROR: [twitter] 1577855540407197696: No video could be found in this tweet",
    "downloads/unsupported",
    "terminal",
  ],
  [
    "ERROR: file:// URLs are disabled by default in yt-dlp for security reasons. Use --enable-file-urls to enable at your own risk.",
    "downloads/unsupported",
    "terminal",
  ],
  [
    "ERROR: [generic] loop: Unable to download webpage: HTTP Error 302: Found (redirect loop detected) (caused by <HTTPError 302: Found>)",
    "downloads/source-faulty",
    "terminal",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006) (caused by CertificateVerifyError('[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)'))",
    "downloads/source-untrusted",
    "terminal",
  ],
  [
    "ERROR: You have requested merging of multiple formats but ffmpeg is not installed. Aborting due to --abort-on-error",
    "downloads/tool-missing",
    "terminal",
  ],
  [
    "ERROR: unable to write data: [Errno 28] No space left on device",
    "downloads/disk-full",
    "retryable",
  ],
  ["ERROR: unable to write data: [Errno 27] File too large", "downloads/too-large", "terminal"],
  [
    "ERROR: [download] Got error: 5000 bytes read, 995000 more expected",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [download] Got error: HTTPConnectionPool(host='127.0.0.1', port=18081): Read timed out.",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [generic] a: Unable to download webpage: HTTPConnection(host='no-such-host.invalid', port=80): Failed to resolve 'no-such-host.invalid' ([Errno -2] Name or service not known) (caused by TransportError(\"HTTPConnection(host='no-such-host.invalid', port=80): Failed to resolve 'no-such-host.invalid' ([Errno -2] Name or service not known)\"))",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: HTTPConnection(host='127.0.0.1', port=1): Failed to establish a new connection: [Errno 111] Connection refused (caused by TransportError(\"HTTPConnection(host='127.0.0.1', port=1): Failed to establish a new connection: [Errno 111] Connection refused\"))",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [generic] s503: Unable to download webpage: HTTP Error 503: Service Unavailable (caused by <HTTPError 503: Service Unavailable>)",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006) (caused by SSLError('[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)'))",
    "downloads/source-away",
    "retryable",
  ],
  [
    "ERROR: [generic] x: Unable to download webpage: [SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006) (caused by SSLError('[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)'))",
    "downloads/source-away",
    "retryable",
  ],
  ["ERROR: Did not get any data blocks", "downloads/source-away", "retryable"],
  ["ERROR: fragment 1 not found, unable to continue", "downloads/source-away", "retryable"],
  ["ERROR: [somebody] 12: unhashable type: 'dict'", "downloads/failed", "terminal"],
];
