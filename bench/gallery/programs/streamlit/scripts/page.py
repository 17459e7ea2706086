import pandas as pd
import streamlit as st

st.title("Page")
number = st.slider("number", 0, 10, 3)
st.dataframe(pd.DataFrame({"a": [1, 2]}))
if st.button("double"):
    st.write(f"doubled {number * 2}")
with st.sidebar:
    st.selectbox("choice", ["x", "y"])
st.line_chart({"y": [1, 4, 9]})
