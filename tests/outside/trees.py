"""Folders laid out as a server's are, for a survey to find its way in."""

from __future__ import annotations

from pathlib import Path

SECRET = "not-for-anybody"  # noqa: S105 - of no service
ENV = f"""\
APP_KEY={SECRET}
export FEATURE_PORTAL=true
  FEATURE_PORTAL_COMPANIES = 15,42
FEATURE_TOKEN={SECRET}
# FEATURE_OLD=true
NOT_FEATURE_X=1
"""
NGINX = """\
server {{
    listen 80;
    server_name shop.example.com;
    return 301 https://$host$request_uri;
}}
server {{
    listen 443 ssl http2;
    server_name _ .wild.example.com shop.example.com;
    root "{root}";
    # root /nowhere;
    location ~ \\.php$ {{ fastcgi_pass unix:/run/php/php8.1-fpm.sock; }}
}}
"""
APACHE = """\
<VirtualHost *:443>
  ServerName old.example.com
  DocumentRoot {root}
  SSLEngine on
</VirtualHost>
"""


def application(folder: Path) -> Path:
    """Enough of an application to be found."""
    folder.mkdir(parents=True)
    (folder / "artisan").write_text("<?php\n")
    (folder / ".env").write_text(ENV)
    return folder


def lay_out(tree: Path) -> None:
    """A shop that Deployer brings, behind nginx; an old application behind Apache; one in a home; and php-fpm 8.1."""
    shop = application(tree / "var/www/shop/releases/7").parents[1]
    (shop / "current").symlink_to("releases/7")
    (shop / ".dep").mkdir()
    application(tree / "srv/it's älter & odd")
    application(tree / "home/anna/blog")
    (tree / "var/www/html").mkdir()
    for place, text, root in (
        ("nginx/sites-enabled/shop", NGINX, shop / "current/public"),
        ("apache2/sites-enabled/old.conf", APACHE, tree / "srv/nothing/public"),
    ):
        file = tree / "etc" / place
        file.parent.mkdir(parents=True)
        file.write_text(text.format(root=root))
    (tree / "etc/php/8.1/fpm").mkdir(parents=True)
    (tree / "etc/php/8.1/fpm/php-fpm.conf").touch()
