"""Telling people how a night ended: by mail, 企业微信, 飞书, 钉钉, Slack or plain JSON.

What belongs here: what a notice says, how each service wants it, and sending it. Nothing here can
fail a night, or make one that failed look well.
"""
