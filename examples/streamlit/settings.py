"""The dashboard's settings page: `streamlit run settings.py`."""

import streamlit as st

from sync_panel import sync_panel

st.set_page_config(page_title="Settings", page_icon="⚙️")
st.title("Settings", anchor=False)
st.header("Sync", anchor=False, divider="gray")
sync_panel()
