"""Show a notebook without its code, by Voila, to one person on this machine.

In: the notebook. Out: a page at 127.0.0.1, which needs a token and asks nothing of the network. Voila is the server;
here it is only told how to be one for a single person.
"""

import logging
import os
import secrets
import threading
import webbrowser
from pathlib import Path

from jupyter_server import DEFAULT_STATIC_FILES_PATH
from voila.app import Voila

from grfkit.reports.upload.widgets import MOST_BYTES

HERE = Path(__file__).parent  # where the page's template lies, index.html.j2
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]  # widgets alone
PING_MS = 30_000  # how long an answer may take: as long as from one ping to the next, the most that is allowed
CLOSED_S = 60  # after which the Python behind a page that was closed ends: our choice


class OnePage(Voila):
    """Voila with our template, which opens the page with its token, and says where it is."""

    wanted = True  # whether to open a browser

    def _config_file_paths_default(self):
        return []  # no file of Voila's settings makes it another server

    def setup_template_dirs(self):
        super().setup_template_dirs()
        self.template_paths = [str(HERE), *self.template_paths]

    def launch_browser(self):
        address = f"{self.connection_url}?token={self.identity_provider.token}"
        print(f"{address}\nThis address is for you alone. Ctrl-C ends it.", flush=True)
        if self.wanted:
            threading.Thread(target=_open, args=[address], daemon=True).start()


def serve(notebook, *, browser=True, **parameters):
    """Show a notebook until somebody ends it; `parameters` take the place of its own, `browser` opens it in one."""
    page = OnePage.instance()
    page.initialize([str(notebook)])
    page.ip, page.token, page.log_level, page.wanted = "127.0.0.1", secrets.token_urlsafe(24), "ERROR", browser
    # one message is an upload with some words about it, or the page and its files
    sizes = {"websocket_max_message_size": MOST_BYTES + 1_000_000, "ws_ping_timeout": PING_MS}
    static = {"static_path": DEFAULT_STATIC_FILES_PATH, "static_url_prefix": "/voila/static/"}  # of a page that refuses
    page.tornado_settings = {"allow_remote_access": False, **sizes, **static}
    page.config.ZMQChannelsWebsocketConnection.limit_rate = False
    page.config.KernelManager.transport_encryption = "auto"
    page.config.MappingKernelManager.update(cull_idle_timeout=CLOSED_S, cull_interval=CLOSED_S // 4)
    logging.getLogger("tornado").setLevel("ERROR")  # Voila asks in vain to end what a closed page leaves: see CLOSED_S
    shown = page.voila_configuration
    shown.file_denylist = [".*"]  # no file beside the notebook is handed out
    shown.extension_allowlist = EXTENSIONS
    shown.allow_template_override = shown.allow_theme_override = "NO"
    shown.prelaunch_hook = lambda _, notebook, cwd: _with(notebook, parameters)
    page.start()


def _with(notebook, parameters):
    """Add parameters to the cell that is tagged for them."""
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    return notebook


def _open(address):
    """Open an address in a browser that has a window; say so where there is none."""
    try:
        browser = webbrowser.get()
        # a plain GenericBrowser is a program of the terminal (w3m, lynx), unless somebody chose it
        opened = (type(browser) is not webbrowser.GenericBrowser or "BROWSER" in os.environ) and browser.open(address)
    except webbrowser.Error:
        opened = False
    if not opened:
        print("No browser was found: open the address above in one.", flush=True)
