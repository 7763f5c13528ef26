"""The page on which a visitor signs in: plain HTML without a script."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --paper: #f7f8fa; --card: #fff; --line: #767d8a; --go: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --paper: #0f131b; --card: #181e29; --line: #8a93a3; --go: #2563eb; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 "IBM Plex Sans", system-ui, sans-serif; }
main { width: 100%; max-width: 24rem; padding: 2rem; background: var(--card); border-radius: .75rem;
  box-shadow: 0 1px 3px #0003; }
h1 { margin: 0 0 .25rem; font-size: 1.4rem; }
p { margin: 0 0 1.25rem; }
label { display: block; margin-bottom: 1rem; font-weight: 700; }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; }
button { width: 100%; padding: .7rem; font: inherit; font-weight: 700; color: #fff; background: var(--go); border: 0;
  border-radius: .4rem; cursor: pointer; }
input:focus-visible, button:focus-visible { outline: 3px solid var(--go); outline-offset: 2px; }
.said { padding: .6rem .8rem; border-left: 4px solid #d55e00; background: #d55e0018; }
"""
WRONG = "This name and password do not belong together."
SLOW = "There were several failed attempts; please wait {} and try again."


def slow(seconds: float) -> str:
    """What is said to someone who has to wait."""
    whole = max(1, round(seconds))
    return SLOW.format("a second" if whole == 1 else f"{whole} seconds")


def page(said: str = "") -> bytes:
    """The page; said: what was wrong with the last attempt."""
    alert = f'<p class="said" role="alert">{escape(said)}</p>' if said else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in to MIA-Viz</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>MIA-Viz</h1>
<p>Was this model trained on this picture? Please sign in to find out.</p>
{alert}
<form method="post" action="/sign-in">
<label>Name<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus>
</label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
""".encode()
