/** The look of the install page: one column on a phone, the QR code beside it where there is room. */
export const INSTALL_STYLE = `
:root{color-scheme:light dark;--paper:#f4f5f7;--card:#fff;--ink:#16181d;--soft:#667085;--line:#e6e8ec;--brand:#2563eb;--warn:#b45309;--warnbg:#fff7ed}
@media (prefers-color-scheme:dark){:root{--paper:#0e1014;--card:#181b21;--ink:#f2f4f7;--soft:#98a2b3;--line:#2a2f38;--brand:#3b82f6;--warn:#fbbf24;--warnbg:#2a2213}}
*{box-sizing:border-box;margin:0}
body{min-height:100vh;padding:1.25rem 1rem 2rem;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;display:grid;gap:1.25rem;align-content:start;justify-content:center;grid-template-columns:minmax(0,28rem)}
main,aside{background:var(--card);border:1px solid var(--line);border-radius:1.25rem;box-shadow:0 1px 2px rgb(0 0 0/.04),0 12px 32px rgb(0 0 0/.06)}
main{padding:2rem 1.5rem}
header{text-align:center}
.icon{display:inline-grid;place-items:center;width:104px;height:104px;border-radius:24px;object-fit:cover;box-shadow:0 6px 18px rgb(0 0 0/.16);background:linear-gradient(140deg,#60a5fa,#4f46e5);color:#fff;font-size:3rem;font-weight:600}
img.icon{background:none}
h1{margin-top:1.1rem;font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere}
.about{margin-top:.35rem;color:var(--soft)}
.about b{color:var(--ink);font-weight:600;overflow-wrap:anywhere}
.button{display:block;margin-top:1.5rem;padding:.95rem 1.25rem;border-radius:.9rem;background:var(--brand);color:#fff;font-size:1.1rem;font-weight:600;text-align:center;text-decoration:none}
.button:focus-visible,a:focus-visible,summary:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
.button.plain{margin-top:.75rem;background:none;color:var(--brand);border:1px solid var(--line);font-size:1rem}
.hint{margin-top:.7rem;color:var(--soft);font-size:.875rem;text-align:center}
.warning{margin-top:1.5rem;padding:.9rem 1rem;border-radius:.9rem;background:var(--warnbg);color:var(--warn);font-size:.95rem}
section{margin-top:1.75rem;padding-top:1.5rem;border-top:1px solid var(--line)}
h2{margin-bottom:.6rem;font-size:1rem}
.notes{white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:minmax(0,2fr) minmax(0,3fr);gap:.45rem 1rem;font-size:.9rem}
dt{color:var(--soft)}
dd{overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
dd:last-child{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.8rem}
summary{cursor:pointer;font-weight:600}
ul{margin-top:.6rem;padding-left:1.1rem;font-size:.85rem;color:var(--soft);overflow-wrap:anywhere}
aside{display:none;padding:1.5rem;text-align:center;color:var(--soft);font-size:.9rem}
aside img{display:block;margin:0 auto .9rem;padding:.5rem;border-radius:.75rem;background:#fff}
footer{text-align:center;font-size:.9rem}
footer a{color:var(--soft)}
@media (min-width:52rem){body{padding-top:4rem;grid-template-columns:minmax(0,28rem) 17rem}main{padding:2.5rem}aside{display:block;align-self:start}footer{grid-column:1/-1}}
`;
