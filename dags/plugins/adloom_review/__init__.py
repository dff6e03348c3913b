"""The review dashboard's web application: guards, routes, and the page itself, which needs no build."""
