"""Modules on disk, the catalog of live ones, routing to them and merging them.

`shape` says how a module lies in one flat vector, `layout` which files it has, `manifest` what it knows, `store`
publishes and retires it, `lexical` and `router` find it, `merge` blends up to three of them.
"""
